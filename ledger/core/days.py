"""Days and months of a ledger: its `utc_offset` in minutes, no summer time, the Gregorian calendar.

They are numbers, so that a row can keep one and compare it: days since 1970-01-01, months since January of the year 0.
"""

DAY_S = 86_400
ERA = 146_097  # days in 400 Gregorian years, after which the calendar repeats
TO_MARCH = 719_468  # days from 1 March of the year 0 to 1970-01-01


def day_of(time: int, utc_offset: int) -> int:
    """The day of a time in Unix seconds, where the ledger's clocks are `utc_offset` minutes ahead of UTC."""
    return (time + 60 * utc_offset) // DAY_S


def month_of(day: int) -> int:
    """The month of a day. Years are counted from March, so that a leap day comes last in its year."""
    era, day_of_era = divmod(day + TO_MARCH, ERA)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // (ERA - 1)) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153  # 0 is March; five months have 153 days, twice over
    return 12 * (400 * era + year) + month + 2
