"""Measurements that answer one question each; the words in them are defined in docs/benchmarks.md."""
