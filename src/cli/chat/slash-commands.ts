import { writeFile } from 'node:fs/promises'

import type { Client } from '../../sdk/index.ts'
import { readAttachment } from './attachment.ts'
import { formatTotals } from './session.ts'
import type { Message, Session } from './session.ts'
import { findTools } from './tools/chat-tools.ts'
import { plural } from '../terminal/format.ts'

/** A command that may be typed in a conversation instead of a message. `run` returns the text to show. */
interface SlashCommand {
  readonly name: string
  readonly argument?: string
  readonly help: string
  readonly run: (session: Session, argument: string, client: Client) => string | Promise<string>
}

export const QUIT = Symbol('quit')

const commands: readonly SlashCommand[] = [
  {
    name: 'model',
    argument: 'NAME',
    help: 'use another model from now on; without a name, show the current one',
    run(session, name) {
      if (name !== '') session.model = name
      return `model: ${session.model}`
    },
  },
  {
    name: 'system',
    argument: 'TEXT',
    help: 'how the model should behave; “-” for none; without a text, show the current one',
    run(session, text) {
      if (text !== '') session.system = text === '-' ? undefined : text
      return `system: ${session.system ?? 'none'}`
    },
  },
  {
    name: 'file',
    argument: 'PATH',
    help: 'send an image, PDF, sound or text with the next message; “-” removes them',
    run: attach,
  },
  {
    name: 'tools',
    argument: 'NAMES',
    help: 'let the model call tools: names, “serper__*” or “*”; “-” for none',
    run: offerTools,
  },
  { name: 'cost', help: 'what this conversation has cost', run: ({ totals }) => formatTotals(totals) },
  {
    name: 'new',
    help: 'forget the conversation and start a new one',
    run(session) {
      session.messages = []
      session.files = []
      return 'forgotten'
    },
  },
  {
    name: 'save',
    argument: 'FILE',
    help: 'write the conversation to a file: Markdown, or JSON by its name',
    run: save,
  },
  { name: 'help', help: 'show this', run: () => help },
]

/** Runs a line that begins with `/` and returns the text to show, or the symbol that ends the conversation. */
export async function runSlashCommand(
  line: string,
  session: Session,
  client: Client,
): Promise<string | typeof QUIT> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*([^]*)$/.exec(line) ?? []
  if (name === 'quit' || name === 'exit') return QUIT
  const command = commands.find((one) => one.name === name)
  return command === undefined
    ? `there is no /${name}; /help lists the commands`
    : command.run(session, argument.trim(), client)
}

/** All commands, as they are typed. */
export const SLASH_COMMANDS: readonly string[] = [...commands.map(({ name }) => `/${name}`), '/quit']

const help = [
  ...commands.map(({ name, argument = '', help }) => `${`/${name} ${argument}`.padEnd(14)}${help}`),
  `${'/quit'.padEnd(14)}end the conversation; so does Ctrl-D`,
  `${'Tab'.padEnd(14)}complete these commands, and names of models, tools and files`,
  `${'Ctrl-C'.padEnd(14)}stop the response`,
  `${'\\'.padEnd(14)}at the end of a line: continue the message in the next line`,
].join('\n')

async function attach(session: Session, path: string): Promise<string> {
  if (path === '-') session.files = []
  else if (path !== '') session.files = [...session.files, await readAttachment(path)]
  const names = session.files.map(({ name }) => name).join(', ')
  return names === '' ? 'the next message has no files' : `with the next message: ${names}`
}

async function offerTools(session: Session, wanted: string, client: Client): Promise<string> {
  if (wanted === '-') session.tools = undefined
  else if (wanted !== '') session.tools = await findTools(client, wanted)
  const { tools: box } = session
  if (box === undefined) return 'the model may call no tools; /tools * offers all'
  const names = [...box.tools.keys()].map((name) => `  ${name}${box.trusted.has(name) ? ' (always)' : ''}`)
  return [
    `the model may call ${plural(names.length, 'tool')}${names.length === 0 ? '' : ':'}`,
    ...names,
  ].join('\n')
}

async function save(session: Session, file: string): Promise<string> {
  if (file === '') return 'a file name is missing: /save FILE'
  const text = file.endsWith('.json') ? JSON.stringify(transcript(session), undefined, 2) : markdown(session)
  try {
    await writeFile(file, `${text}\n`, { flag: 'wx' })
    return `saved ${file}`
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') {
      return `${file} exists; nothing was written`
    }
    return `could not save: ${thrown instanceof Error ? thrown.message : String(thrown)}`
  }
}

function transcript({ system, messages }: Session): readonly Message[] {
  return system === undefined ? messages : [{ role: 'system', content: system }, ...messages]
}

function markdown(session: Session): string {
  return transcript(session)
    .map((message) => `## ${message.role}\n\n${messageText(message)}`)
    .join('\n\n')
}

function messageText(message: Message): string {
  const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : []
  const parts = [
    contentText(message.content),
    ...calls.map(({ function: { name, arguments: text } }) => `${name} ${text}`),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function contentText(content: Message['content']): string {
  if (typeof content === 'string') return content
  return content
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : `(${part.type})`))
    .join('\n\n')
}
