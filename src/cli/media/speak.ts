import { extname } from 'node:path'

import { InvalidArgumentError, type Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { clientOf, describeCommand, type Cli, type Globals } from '../cli.ts'
import { formatCount } from '../terminal/format.ts'
import { readTextArgument } from '../terminal/read-text.ts'
import { printJson } from '../terminal/terminal.ts'
import { costLine } from './cost-line.ts'
import { outputFor, STANDARD_OUTPUT, writeOutput } from './output-file.ts'

/** Those of OpenAI's speech endpoint. */
const FORMATS: readonly string[] = ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']

export function speakCommand(cli: Cli): Command {
  return describeCommand('speak', 'Speak a text into a sound file', [
    'hero_aibroker speak "Hello!" -o hello.mp3',
    'hero_aibroker speak -m tts-1 --voice nova -o report.opus < report.txt',
    'hero_aibroker speak "Hello!" --format wav | aplay',
  ])
    .argument('[text...]', 'the text; without it, the text of a pipe')
    .option('-o, --output <file>', 'the file to write; “-” is standard output (default: a pipe)')
    .option('--voice <name>', 'the voice', 'alloy')
    .option('--format <name>', `${FORMATS.join(', ')} (default: the extension of the file, else mp3)`)
    .option('--speed <factor>', '0.25 to 4', parseSpeed)
    .option('--instructions <text>', 'how to speak, for models that take it')
    .action(async (words: readonly string[], _options: unknown, command: Command) => {
      await speak(cli, words, command.optsWithGlobals<Globals & SpeakOptions>())
    })
}

interface SpeakOptions {
  readonly output?: string
  readonly voice: string
  readonly format?: string
  readonly speed?: number
  readonly instructions?: string
}

async function speak(cli: Cli, words: readonly string[], options: Globals & SpeakOptions): Promise<void> {
  const { terminal } = cli
  const { model, json, voice, speed, instructions } = options
  const path = outputFor(terminal, options.output, 'speech.mp3')
  const input = await readTextArgument(terminal, words)
  if (input === undefined)
    throw new BrokerError(
      'bad-request',
      'there is no text; give one: hero_aibroker speak "hello" -o hello.mp3',
    )
  const startedAt = performance.now()
  const response_format = formatFor(path, options.format)
  const request = { model, input, voice, response_format, speed, instructions }
  const sound = await clientOf(cli, options).openai.audio.speech.create(request)
  const bytes = await writeOutput(terminal, path, sound)
  if (path === STANDARD_OUTPUT) return
  if (json) printJson(terminal, { file: path, bytes, x_aibroker: sound.x_aibroker })
  else
    terminal.output.write(
      `${path} · ${formatCount(bytes)} bytes · ${costLine(sound.x_aibroker, startedAt)}\n`,
    )
}

function formatFor(path: string, format: string | undefined): string {
  const extension = extname(path).slice(1).toLowerCase()
  const chosen = format ?? (extension === '' ? 'mp3' : extension)
  if (FORMATS.includes(chosen)) return chosen
  throw new BrokerError('bad-request', `“${chosen}” is no sound format; --format takes ${FORMATS.join(', ')}`)
}

function parseSpeed(text: string): number {
  const speed = Number(text)
  if (speed >= 0.25 && speed <= 4) return speed
  throw new InvalidArgumentError('It is a number from 0.25 to 4.')
}
