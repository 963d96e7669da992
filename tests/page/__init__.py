"""Tests of the explorer page in Chromium."""
