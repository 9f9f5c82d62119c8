"""Examples that use keras_gradclip; each one is a package of its own."""
