"""The gateway's HTTP routes: thin shells that check the caller and call the module that knows."""
