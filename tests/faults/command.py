"""The command `pithstore`, as `python -m tests.faults.command`."""

from pithstore.cli import main

if __name__ == "__main__":
    main()
