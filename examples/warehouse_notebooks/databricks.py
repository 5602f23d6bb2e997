# A notebook in Databricks, cell by cell. Untried: there is none here. The engine spark is tried on local Spark.

# %% Once, on the cluster or here:
# %pip install ebi_rules-0.2.0-py3-none-any.whl

# %% The session of the notebook is used, and only counts leave it.
import ebi_rules as ebi

extract = ebi.open("main.sus.opa", engine="spark", layout="ncdr-opa")
audit = ebi.audit(extract, ["2S"], settings=ebi.Settings(disclosure="none"))
audit

# %% Or the flags as a view, in SQL.
spark.sql(
    "CREATE OR REPLACE TEMP VIEW flags AS "
    + ebi.sql("2S", dialect="databricks", layout="ncdr-opa", table="main.sus.opa").rstrip(";")
)
