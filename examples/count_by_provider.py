"""Audit an extract: totals, providers that stand out, and the report.

python count_by_provider.py opa.parquet audit
"""

import sys

import ebi_rules as ebi

extract, folder = sys.argv[1:3]
audit = ebi.audit(extract, ["2S", "2T"], settings=ebi.Settings(disclosure="none"))

for total in audit.totals().iter_rows(named=True):
    print(f"{total['rule']}: {total['flagged']:,} in scope of {total['eligible']:,} eligible")

standing_out = audit.providers.filter(signal="above_998").select("rule", "provider", "standardised_ratio")
print(f"{standing_out.height} signals above the 99.8% limit")

audit.shown("hes").write(folder)  # Under disclosure control, as the folder may leave.
print(f"Wrote {folder}/report.html")
