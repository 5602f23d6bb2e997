WITH activity AS (
  SELECT
    OPA_Ident AS OPA_Ident,
    COALESCE(
      TRY_CAST(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(Age_at_Start_of_Episode_SUS,
              NCHAR(9), ' '), NCHAR(10), ' '), NCHAR(13), ' '), NCHAR(160), ' '), NCHAR(8239), ' '),
              NCHAR(8203), ' '), NCHAR(65279), ' '), ' ', '') AS DECIMAL(18, 4)),
      TRY_CAST(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(Der_Age_at_CDS_Activity_Date,
              NCHAR(9), ' '), NCHAR(10), ' '), NCHAR(13), ' '), NCHAR(160), ' '), NCHAR(8239), ' '),
              NCHAR(8203), ' '), NCHAR(65279), ' '), ' ', '') AS DECIMAL(18, 4))
    ) AS age,
    UPPER(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(Administrative_Category,
            NCHAR(9), ' '), NCHAR(10), ' '), NCHAR(13), ' '), NCHAR(160), ' '), NCHAR(8239), ' '),
            NCHAR(8203), ' '), NCHAR(65279), ' '), ' ', '')) AS administrative_category,
    ',' + REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(UPPER(COALESCE(Der_Procedure_All, '')),
            '.', ''), '|', ','), ';', ','), ' ', ','), NCHAR(9), ','), NCHAR(10), ','),
            NCHAR(13), ','), NCHAR(160), ','), NCHAR(8239), ','), NCHAR(8203), ','),
            NCHAR(65279), ','), NCHAR(34), ','), NCHAR(39), ',') AS procedures,
    ',' + REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(UPPER(COALESCE(Der_Diagnosis_All, '')),
            '.', ''), '|', ','), ';', ','), ' ', ','), NCHAR(9), ','), NCHAR(10), ','),
            NCHAR(13), ','), NCHAR(160), ','), NCHAR(8239), ','), NCHAR(8203), ','),
            NCHAR(65279), ','), NCHAR(34), ','), NCHAR(39), ',') AS diagnoses
  FROM sus.opa
), codes AS (
  SELECT
    OPA_Ident AS OPA_Ident,
    age AS age,
    administrative_category AS administrative_category,
    CASE WHEN procedures LIKE '%,U05[45]%' THEN 1 ELSE 0 END AS spine_ct_mri,
    CASE WHEN procedures LIKE '%,U13[2356]%' OR procedures LIKE '%,U21[1267]%' THEN 1 ELSE 0 END AS other_imaging,
    CASE WHEN procedures LIKE '%,O162%' OR procedures LIKE '%,Z665%' THEN 1 ELSE 0 END AS lumbar_spine,
    CASE
      WHEN diagnoses LIKE '%,C[0-9][0-9]%' OR diagnoses LIKE '%,D0[0-9]%' OR diagnoses LIKE '%,D3[7-9]%'
      OR diagnoses LIKE '%,D4[0-8]%'
      THEN 1
      ELSE 0
    END AS cancer
  FROM activity
)
SELECT
  OPA_Ident,
  CASE
    WHEN (
      spine_ct_mri = 1 OR (
        other_imaging = 1 AND lumbar_spine = 1
      )
    )
    AND COALESCE(age, -1) BETWEEN 19 AND 120
    AND NOT cancer = 1
    AND NOT COALESCE(administrative_category, ' ') IN ('02', '2', '02.0', '2.0')
    THEN 1
    ELSE 0
  END AS [2S_lower_back_imaging]
FROM codes;
