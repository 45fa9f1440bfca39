"""Click-through models: hashed fields → log odds of a click, released as an input of ranking."""
