"""Admitted care

An extract has a row an episode or a row a spell. Over a spell the codes of its episodes run on in their order, with
`||` before each episode; two columns may hold the one procedure and the one diagnosis that stand for all of the spell.
"""
