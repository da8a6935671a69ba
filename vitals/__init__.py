"""The words and the wire: what two processes, or a third-party pager, must agree on."""
