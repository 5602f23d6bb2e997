"""The report: tables as self-contained HTML pages, with charts."""
