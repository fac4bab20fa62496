import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'

import { Option, type Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { clientOf, describeCommand, type Cli, type Globals } from '../cli.ts'
import { whileWaiting } from '../terminal/progress.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import { costLine } from './cost-line.ts'
import { writeOutput, STANDARD_OUTPUT } from './output-file.ts'

/** A larger file is for the form of the REST API, which needs no copy in memory. */
const MAX_BYTES = 100 * 1024 * 1024
const FORMATS = ['text', 'srt', 'vtt', 'verbose_json'] as const

export function transcribeCommand(cli: Cli): Command {
  return describeCommand('transcribe', 'Write down what is said in a sound file', [
    'hero_aibroker transcribe meeting.mp3',
    'hero_aibroker transcribe meeting.mp3 --language nl -o meeting.txt',
    'hero_aibroker transcribe talk.m4a -m whisper-1 --format srt > talk.srt',
    'hero_aibroker transcribe talk.wav --format verbose_json | jq .segments',
  ])
    .argument('<file>', 'mp3, wav, m4a, ogg, flac, webm and others that the provider takes, up to 100 MB')
    .option('-o, --output <file>', 'the file to write', STANDARD_OUTPUT)
    .addOption(
      new Option('--format <name>', 'text, subtitles, or JSON with times').choices(FORMATS).default('text'),
    )
    .option('--language <code>', 'the language of the sound, “en” for example (default: the model finds out)')
    .option('--prompt <text>', 'names and words that the model may mishear')
    .action(async (path: string, _options: unknown, command: Command) => {
      await transcribe(cli, path, command.optsWithGlobals<Globals & TranscribeOptions>())
    })
}

interface TranscribeOptions {
  readonly output: string
  readonly format: (typeof FORMATS)[number]
  readonly language?: string
  readonly prompt?: string
}

async function transcribe(cli: Cli, path: string, options: Globals & TranscribeOptions): Promise<void> {
  const { terminal } = cli
  const { model, json, format, language, prompt } = options
  const bytes = await whileWaiting(terminal, `the end of ${path}`, () => readSound(path))
  const startedAt = performance.now()
  const { transcriptions } = clientOf(cli, options).openai.audio
  const request = { model, file: { name: basename(path), bytes }, language, prompt }
  if (format === 'verbose_json' || json) {
    const response_format = format === 'verbose_json' ? format : 'json'
    return printJson(terminal, await transcriptions.create({ ...request, response_format }))
  }
  if (format !== 'text') {
    const subtitles = await transcriptions.createText({ ...request, response_format: format })
    return write(cli, options, subtitles)
  }
  const { text, x_aibroker } = await transcriptions.create(request)
  await write(cli, options, `${text.trim()}\n`)
  if (terminal.output.isTTY) print(terminal, paint(terminal, 'dim', costLine(x_aibroker, startedAt)))
}

/** A terminal gets no control characters; a file or a pipe gets the exact text. */
async function write({ terminal }: Cli, { output }: TranscribeOptions, text: string): Promise<void> {
  const isShown = output === STANDARD_OUTPUT && terminal.output.isTTY
  const bytes = new TextEncoder().encode(isShown ? withoutControls(text) : text)
  await writeOutput(terminal, output, [bytes])
}

async function readSound(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size <= MAX_BYTES) return await readFile(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('not-found', `can’t read ${path}: ${reason}`, { cause })
  }
  const advice = 'send it as a form to /v1/audio/transcriptions, or cut it'
  throw new BrokerError('too-large', `${path} is larger than 100 MB; ${advice}`)
}
