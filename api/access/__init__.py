"""Access: tokens, signed addresses, host names, cross-site requests, proxies and rates."""
