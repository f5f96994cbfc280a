"""One module per format; `registry` says what each must offer."""
