"""The tests themselves. They take ``engine`` and never name one."""
