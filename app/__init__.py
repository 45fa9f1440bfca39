"""Duolu (多路): many recall channels side by side, one learned ranking on top."""
