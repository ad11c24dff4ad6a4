"""The REST API: the same verbs and the same door as the screens."""
