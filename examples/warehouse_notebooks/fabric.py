# A notebook in Microsoft Fabric, cell by cell. Untried: there is none here. The engine spark is tried on local Spark.

# %% Once, in an environment or here:
# %pip install ebi_rules-0.2.0-py3-none-any.whl

# %% The session of the notebook is used, and only counts leave it.
import ebi_rules as ebi

extract = ebi.open("lakehouse.opa", engine="spark", layout="ncdr-opa")
audit = ebi.audit(extract, ["2S"], settings=ebi.Settings(disclosure="none"))
audit

# %% Tables for Power BI, into the lakehouse's files.
audit.shown("hes").star_schema("/lakehouse/default/Files/ebi")
