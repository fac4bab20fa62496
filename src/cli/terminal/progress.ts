import { styleText } from 'node:util'

import type { Transport } from '../../sdk/index.ts'
import type { Terminal } from './terminal.ts'

const SHOWN_AFTER_MS = 1000
const UPDATE_INTERVAL_MS = 250
const ERASE_LINE = '\r\u001B[2K'

/** A transport that shows on the terminal how long a request has been waiting, once that is more than a second. */
export function withProgress(terminal: Terminal, transport: Transport): Transport {
  return async (request) => {
    using _ = showWaiting(terminal)
    return await transport(request)
  }
}

/** Writes to standard error, so that piped output stays clean, and erases the line when the response comes. */
function showWaiting({ errors }: Terminal): Disposable {
  if (!errors.isTTY) return { [Symbol.dispose]: () => undefined }
  const startedAt = performance.now()
  let isShown = false
  const timer = setInterval(() => {
    const ms = performance.now() - startedAt
    if (ms < SHOWN_AFTER_MS) return
    isShown = true
    errors.write(
      `${ERASE_LINE}${styleText('dim', `waiting … ${Math.floor(ms / 1000)} s`, { stream: errors })}`,
    )
  }, UPDATE_INTERVAL_MS)
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      if (isShown) errors.write(ERASE_LINE)
    },
  }
}
