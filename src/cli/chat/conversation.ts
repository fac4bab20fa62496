import { asBrokerError } from '../../base/errors.ts'
import type { Client } from '../../sdk/index.ts'
import { sayDetails } from './response-output.ts'
import { approveAll, approveByHand } from './tools/tool-approval.ts'
import { createCompletion } from './line-completion.ts'
import { createChatLines } from './line-input.ts'
import type { Session } from './session.ts'
import { takeTurn } from './turn.ts'
import { LEAVE, runWord } from './slash-commands.ts'
import { sayFailure } from '../terminal/exit-error.ts'
import { paint, print, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Runs a conversation until `/quit` or Ctrl-D. Ctrl-C stops a response, never the conversation. */
export async function runChatLoop(
  terminal: Terminal,
  client: Client,
  session: Session,
  { yes }: { readonly yes: boolean },
): Promise<void> {
  let answering: AbortController | undefined
  const dim = (text: string) => print(terminal, paint(terminal, 'dim', text))
  using lines = createChatLines(terminal, {
    prompt: paint(terminal, ['bold', 'cyan'], '› '),
    complete: createCompletion(client),
    onEnd: () => answering?.abort(),
    onInterrupt(typed) {
      answering?.abort()
      if (answering === undefined && !typed) dim('Ctrl-D or /quit ends the conversation')
    },
  })

  dim(`Talking to ${session.model}. /help lists the commands; Ctrl-D quits.`)
  for (;;) {
    const line = (await lines.next())?.trim()
    if (line === undefined) return print(terminal, '')
    if (line === '') continue
    if (line.startsWith('/')) {
      const said = await runWord(line, session, client).catch((thrown: unknown) =>
        sayFailure(asBrokerError(thrown)),
      )
      if (said === LEAVE) return
      dim(said)
      continue
    }
    answering = new AbortController()
    lines.hush(true)
    await answer(line, answering.signal)
    lines.hush(false)
    answering = undefined
  }

  async function answer(message: string, signal: AbortSignal): Promise<void> {
    try {
      const approve = yes ? approveAll : approveByHand(lines)
      const heard = await takeTurn(message, { terminal, client, session, approve, signal })
      dim(`${sayDetails(heard)}\n`)
    } catch (thrown) {
      const line = withoutControls(sayFailure(asBrokerError(thrown)))
      print(terminal, `${paint(terminal, 'red', 'failed')} ${line}\n`)
    }
  }
}
