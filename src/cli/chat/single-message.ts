import type { Client } from '../../sdk/index.ts'
import { formatDetails } from './response-output.ts'
import { approveAll, approveInteractively, approveNothing } from './tools/tool-approval.ts'
import { createLineInput } from './line-input.ts'
import { userMessage, requestOf } from './session.ts'
import type { Session } from './session.ts'
import type { Approve } from './tools/chat-tools.ts'
import { runTurn } from './turn.ts'
import { isInteractive, paint, print, printJson } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Sends one message and prints the response. Ctrl-C stops it, and the process exits with 130. */
export async function sendMessage(
  terminal: Terminal,
  client: Client,
  session: Session,
  message: string,
  { json, yes }: { readonly json: boolean; readonly yes: boolean },
): Promise<void> {
  const stop = new AbortController()
  const { signal } = stop
  const interrupt = () => stop.abort()
  process.once('SIGINT', interrupt)
  try {
    if (json) {
      const request = requestOf(session, [userMessage(session, message)], { mayCall: true })
      return printJson(terminal, await client.chat(request, { signal }))
    }
    using approval = approvalFor(terminal, session, yes, interrupt)
    const response = await runTurn(message, { terminal, client, session, approve: approval.approve, signal })
    if (terminal.output.isTTY) print(terminal, paint(terminal, 'dim', formatDetails(response)))
    signal.throwIfAborted()
  } finally {
    process.off('SIGINT', interrupt)
  }
}

interface Approval extends Disposable {
  readonly approve: Approve
}

function approvalFor(terminal: Terminal, session: Session, yes: boolean, interrupt: () => void): Approval {
  const free = { [Symbol.dispose]: () => undefined }
  if (yes) return { approve: approveAll, ...free }
  if (session.tools === undefined || !isInteractive(terminal)) return { approve: approveNothing, ...free }
  const lines = createLineInput(terminal, {
    prompt: '',
    complete: async (line) => [[], line],
    onEnd: interrupt,
    onInterrupt: interrupt,
  })
  lines.setMuted(true)
  return { approve: approveInteractively(lines), [Symbol.dispose]: () => lines[Symbol.dispose]() }
}
