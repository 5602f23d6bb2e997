"""Missing values

Missing is: null; empty text; blanks alone; the text NULL in any case. Every atom is true or false, never unknown: about
a missing value it is **false**, and NOT flips it. A rule that wants missing values out says so, which is how the
variant `as_published` reproduces SQL's logic.
"""
