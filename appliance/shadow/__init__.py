"""Two appliances score one list of trials: what each is worth, and the threshold here that does as the one there.

Both are reached over the published REST contract alone, so that the other may be one that is not ours.
"""
