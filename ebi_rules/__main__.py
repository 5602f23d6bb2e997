"""Run the command line as `python -m ebi_rules`."""

from ebi_rules.cli import main

if __name__ == "__main__":
    main()
