"""What `voxduct bench peers` runs in processes of their own: the engines it compares, and the models it makes."""
