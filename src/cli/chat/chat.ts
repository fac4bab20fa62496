import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Client } from '../../sdk/index.ts'
import { readAttachment, type Attachment } from './attachment.ts'
import { runChatLoop } from './conversation.ts'
import { sendMessage } from './single-message.ts'
import { createSession } from './session.ts'
import { findTools } from './tools/chat-tools.ts'
import type { ToolBox } from './tools/chat-tools.ts'
import { clientOf, describeCommand } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { whileWaiting } from '../terminal/progress.ts'
import { readTextArgument } from '../terminal/read-text.ts'
import { isInteractive } from '../terminal/terminal.ts'

export function chatCommand(cli: Cli): Command {
  return describeCommand('chat', 'Chat with a model: a conversation, or one response to a given message', [
    'hero_aibroker chat',
    'hero_aibroker chat -m gpt-4o',
    'hero_aibroker chat "How many moons has Mars?"',
    'git diff | hero_aibroker chat "write a commit message" --system "be brief"',
    'hero_aibroker chat "What is in this picture?" --file photo.jpg',
    'hero_aibroker chat "What is new about otters?" --tools "serper__*"',
    'hero_aibroker chat hello --json | jq .usage',
  ])
    .argument('[message...]', 'the message; without it, the text of a pipe, else a conversation begins')
    .option('--system <text>', 'how the model should behave')
    .option('-f, --file <paths...>', 'images, PDFs, sounds or texts to send with the first message')
    .option(
      '-t, --tools <names>',
      'tools that the model may call, each call after confirmation: names, “serper__*” or “*”',
    )
    .option('-y, --yes', 'run those tools without confirmation', false)
    .action(async (words: readonly string[], _options: unknown, command: Command) => {
      const { system, file = [], tools, yes, ...globals } = command.optsWithGlobals<Globals & ChatOptions>()
      const client = clientOf(cli, globals)
      const session = createSession(globals.model, system, await readFiles(cli, file))
      if (tools !== undefined) session.tools = await selectTools(client, tools, globals)
      const message = await readTextArgument(cli.terminal, words)
      const flags = { json: globals.json, yes }
      if (message !== undefined) return sendMessage(cli.terminal, client, session, message, flags)
      if (isInteractive(cli.terminal) && !globals.json)
        return runChatLoop(cli.terminal, client, session, flags)
      throw new BrokerError('bad-request', 'there is no message; give one: hero_aibroker chat "hello"')
    })
}

/** A file may be a named pipe that no process writes to yet. */
async function readFiles({ terminal }: Cli, paths: readonly string[]): Promise<Attachment[]> {
  return await Promise.all(
    paths.map((path) => whileWaiting(terminal, `the end of ${path}`, () => readAttachment(path))),
  )
}

interface ChatOptions {
  readonly system?: string
  readonly file?: readonly string[]
  readonly tools?: string
  readonly yes: boolean
}

/** The tools that `wanted` names. Throws `not-found` when there are none, so that a misspelt name does not go unnoticed. */
async function selectTools(client: Client, wanted: string, { json }: Globals): Promise<ToolBox> {
  if (json)
    throw new BrokerError(
      'bad-request',
      '--json prints a single response, but tools need several; leave out --json or --tools',
    )
  const box = await findTools(client, wanted)
  if (box.tools.size > 0) return box
  throw new BrokerError('not-found', `no tool matches “${wanted}”; “hero_aibroker tools” lists them all`)
}
