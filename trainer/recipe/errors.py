"""What makes the recipe stop."""


class RecipeError(Exception):
    """The recipe cannot go on; the message says what to do."""
