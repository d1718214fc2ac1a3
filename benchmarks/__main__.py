"""Runs every benchmark and prints one table for each."""

from __future__ import annotations

from benchmarks import commands, coverage, decisions, engine, ledger, registry

if __name__ == "__main__":
    for benchmark in (commands, engine, coverage, decisions, registry, ledger):
        print(f"\n{benchmark.__doc__}")
        benchmark.run()
