"""What behaviour teaches: events before a moment become the tables of app/snapshot/tables.py."""
