"""Voices of one's own: a clip of somebody becomes a voice (VALL-E's enrolment), is kept, and is spoken with."""
