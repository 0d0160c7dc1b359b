"""Whole jobs, run by the installed command in processes of their own."""
