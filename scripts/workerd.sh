#!/bin/sh
# Starts workerd so that it cannot outlive the server that started it: a SIGKILL gives the server no chance to stop it,
# and an orphan would keep the port and the state. Linux ends it by itself; elsewhere this is workerd as it is.
if setpriv --pdeathsig KILL true 2>/dev/null; then
  exec setpriv --pdeathsig KILL "$HOLDFAST_WORKERD" "$@"
fi
exec "$HOLDFAST_WORKERD" "$@"
