"""The guided path without a screen: its steps, what each knows, and what a goal means. Nothing here draws."""
