#!/bin/sh
# Uses the broker with nothing but curl. Start one first: npm start
set -eu
sockets="${HERO_SOCKET_DIR:-$HOME/hero/var/sockets}/hero_aibroker"

# Is it running?
curl -sS --fail --unix-socket "$sockets/rpc.sock" http://localhost/rpc \
  -H 'Content-Type: application/json' \
  -d '{"jsonrpc":"2.0","id":1,"method":"health"}'
echo

# One chat response, streamed. “auto” lets the broker choose among the providers it has keys for.
curl -sS --fail --no-buffer --unix-socket "$sockets/rest.sock" http://localhost/v1/chat/completions \
  -H 'Content-Type: application/json' \
  -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello!"}]}'

# What it has cost so far.
curl -sS --fail --unix-socket "$sockets/rpc.sock" http://localhost/rpc \
  -H 'Content-Type: application/json' \
  -d '{"jsonrpc":"2.0","id":2,"method":"usage.summary"}'
echo
