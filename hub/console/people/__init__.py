"""The people of a console: accounts, sign-ins, tokens, screens, and the trail of what was done to them."""
