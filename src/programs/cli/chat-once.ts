import type { Client } from '../../sdk/index.ts'
import { sayDetails, writeAnswer } from './chat-answer.ts'
import { requestOf } from './chat-session.ts'
import type { Session } from './chat-session.ts'
import { paint, print, printJson } from './terminal.ts'
import type { Terminal } from './terminal.ts'

/** One question, one answer. Ctrl-C stops it, and the process ends as one that was interrupted. */
export async function askOnce(
  terminal: Terminal,
  client: Client,
  session: Session,
  message: string,
  { json }: { readonly json: boolean },
): Promise<void> {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.once('SIGINT', interrupt)
  try {
    const request = requestOf(session, message)
    if (json) return printJson(terminal, await client.chat(request, { signal: stop.signal }))
    const heard = await writeAnswer(terminal, client, request, stop.signal)
    if (terminal.output.isTTY) print(terminal, paint(terminal, 'dim', sayDetails(heard)))
    stop.signal.throwIfAborted()
  } finally {
    process.off('SIGINT', interrupt)
  }
}
