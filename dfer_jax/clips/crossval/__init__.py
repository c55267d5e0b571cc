"""Cross-validation: every fold and seed trained, pooled as the papers do, set beside their rows.

`runs` knows which trainings there are and how far each is, `process` runs them, `estimate` tells
time and disk beforehand, `scores` computes the rows of the table, `render` writes them as text,
CSV, LaTeX and JSON, `summary` puts a table together; `pool` does so for runs made one by one:

    dfer crossval configs/dfew.py --seeds=0,1,2
"""
