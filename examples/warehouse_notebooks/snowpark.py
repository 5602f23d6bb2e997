# A Snowflake notebook, cell by cell. Untried: there is no Snowflake here. The SQL is run on an emulation of Snowflake.

# %% `ebi_rules` is not among Snowflake's own packages: print the SQL where it is installed, and paste it.
# ebi-rules sql 2S --dialect snowflake --layout ncdr-opa --table SUS.OPA --shape cube > cube.sql

# %%
from pathlib import Path

from snowflake.snowpark.context import get_active_session

session = get_active_session()
cube = session.sql(Path("cube.sql").read_text().rstrip().rstrip(";")).to_pandas()
cube.to_csv("cube.csv", index=False)

# %% Then, where ebi-rules is installed: ebi-rules audit --from-cube cube.csv -o audit
