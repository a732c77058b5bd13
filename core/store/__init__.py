"""The record on disk: the only place that speaks SQL."""
