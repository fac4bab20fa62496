import { extname } from 'node:path'

import { InvalidArgumentError, type Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { clientOf, describeCommand, type Cli, type Globals } from '../cli.ts'
import { formatCount } from '../terminal/format.ts'
import { readTextArgument } from '../terminal/read-text.ts'
import { printJson } from '../terminal/terminal.ts'
import { costLine } from './cost-line.ts'
import { imageText } from './image-text.ts'
import { outputFor, STANDARD_OUTPUT, writeOutput } from './output-file.ts'

export function imageCommand(cli: Cli): Command {
  return describeCommand('image', 'Make an image of a description', [
    'hero_aibroker image "an otter on the moon" -o otter.png',
    'hero_aibroker image "a map of an island" -m gpt-image-1 --size 1024x1024 --quality low -o map.png',
    'hero_aibroker image "four logos for a bakery" -n 4 -o logo.png',
  ])
    .argument('[prompt...]', 'the description; without it, the text of a pipe')
    .option('-o, --output <file>', 'the file to write; “-” is standard output (default: a pipe)')
    .option('-n, --count <number>', 'how many; the second goes to “<file>-2.png”', parseCount, 1)
    .option('--size <size>', 'such as 1024x1024 or auto')
    .option('--quality <quality>', 'such as low, medium, high')
    .action(async (words: readonly string[], _options: unknown, command: Command) => {
      await makeImages(cli, words, command.optsWithGlobals<Globals & ImageOptions>())
    })
}

interface ImageOptions {
  readonly output?: string
  readonly count: number
  readonly size?: string
  readonly quality?: string
}

async function makeImages(
  cli: Cli,
  words: readonly string[],
  options: Globals & ImageOptions,
): Promise<void> {
  const { terminal } = cli
  const { model, json, count, size, quality } = options
  const path = outputFor(terminal, options.output, 'image.png')
  const prompt = await readTextArgument(terminal, words)
  if (prompt === undefined)
    throw new BrokerError(
      'bad-request',
      'there is no description; give one: hero_aibroker image "an otter" -o otter.png',
    )
  if (count > 1 && path === STANDARD_OUTPUT)
    throw new BrokerError('bad-request', 'several images need a file: -o image.png')
  const startedAt = performance.now()
  const { data, ...rest } = await clientOf(cli, options).openai.images.generate({
    model,
    prompt,
    n: count,
    size,
    quality,
  })
  const files = data.map(({ b64_json }, index) => ({
    path: numbered(path, index),
    bytes: Buffer.from(b64_json, 'base64'),
  }))
  for (const file of files) await writeOutput(terminal, file.path, [file.bytes])
  if (path === STANDARD_OUTPUT) return
  if (json) return printJson(terminal, { files: files.map((file) => file.path), ...rest })
  for (const file of files) {
    terminal.output.write(imageText(cli, file.bytes))
    terminal.output.write(`${file.path} · ${formatCount(file.bytes.length)} bytes\n`)
  }
  terminal.output.write(`${costLine(rest['x_aibroker'], startedAt)}\n`)
}

/** `otter.png`, `otter-2.png`, `otter-3.png`. */
function numbered(path: string, index: number): string {
  if (index === 0) return path
  const extension = extname(path)
  return `${path.slice(0, path.length - extension.length)}-${index + 1}${extension}`
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 10) return count
  throw new InvalidArgumentError('It is a whole number from 1 to 10.')
}
