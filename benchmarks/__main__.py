"""Runs every benchmark and prints one table for each."""

from __future__ import annotations

from benchmarks import commands

if __name__ == "__main__":
    for benchmark in (commands,):
        print(f"\n{benchmark.__doc__}")
        benchmark.run()
