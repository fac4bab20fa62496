import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { imageText } from '../../../src/cli/media/image-text.ts'
import type { Cli } from '../../../src/cli/cli.ts'
import { startInProcessDaemon } from '../../support/in-process-daemon.ts'
import { runInProcess } from '../../support/run-cli.ts'
import { openaiAt } from '../../support/providers-env.ts'
import { json, raw, scriptedUpstream } from '../../support/scripted-upstream.ts'
import { wavFile } from '../../support/sounds.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { startBroker } from '../../support/start-broker.ts'

describe('hero_aibroker speak', () => {
  test('writes the sound into the named file, and says its size and cost', async () => {
    await using broker = await startInProcessDaemon()
    using folder = tempFolder()
    const path = join(folder.path, 'hello.wav')
    const run = await runInProcess(['speak', 'hello', '-o', path], broker)
    expect(run).toMatchObject({ exit: 0, err: '' })
    expect(run.out).toMatch(/hello\.wav · [\d,]+ bytes · Loopback \(built-in echo\) · [\d.]+ m?s/)
    expect(readFileSync(path).subarray(0, 4).toString()).toBe('RIFF')
    expect(readdirSync(folder.path)).toEqual(['hello.wav'])
  })

  test('speaks the text of a pipe into a pipe', async () => {
    await using broker = await startInProcessDaemon()
    const run = await runInProcess(['speak', '--format', 'wav'], { ...broker, input: 'hello' })
    expect(run).toMatchObject({ exit: 0, err: '', out: expect.stringMatching(/^RIFF/) })
  })

  test('leaves no file behind when the sound breaks off', async () => {
    await using upstream = await scriptedUpstream([
      raw('HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999\r\n\r\nhalf'),
    ])
    await using broker = await startBroker({ env: openaiAt(upstream) })
    using folder = tempFolder()
    const path = join(folder.path, 'hello.mp3')
    const argv = ['speak', 'hello', '-m', 'tts-1', '-o', path, '--socket', broker.sockets.rest]
    const run = await runInProcess(argv)
    expect(run.exit).not.toBe(0)
    expect(readdirSync(folder.path)).toEqual([])
  })

  test.each([
    [['speak', '-o', 'a.mp3'], /there is no text/],
    [['speak', 'hello', '-o', 'a.txt'], /“txt” is no sound format; --format takes mp3, opus/],
    [['speak', 'hello', '-o', '/dev/null/a.wav'], /can’t write \/dev\/null\/a\.wav/],
    [['speak', 'hello', '--speed', '9', '-o', 'a.mp3'], /a number from 0\.25 to 4/],
  ])('%j is refused with a clear message', async (argv, message) => {
    await using broker = await startInProcessDaemon()
    const run = await runInProcess(argv, broker)
    expect(run.exit).toBe(2)
    expect(run.err).toMatch(message)
  })
})

describe('hero_aibroker transcribe', () => {
  test('prints the transcript of a file, or writes it', async () => {
    await using broker = await startInProcessDaemon()
    using folder = tempFolder()
    const [sound, text] = [join(folder.path, 'a.wav'), join(folder.path, 'a.txt')]
    writeFileSync(sound, wavFile(2))
    const shown = await runInProcess(['transcribe', sound], broker)
    expect(shown).toMatchObject({ exit: 0, err: '' })
    expect(shown.out.trim()).not.toBe('')
    expect(await runInProcess(['transcribe', sound, '-o', text], broker)).toMatchObject({ exit: 0, out: '' })
    expect(readFileSync(text, 'utf8')).toBe(shown.out)
  })

  test('gives subtitles, and JSON with times', async () => {
    const segments = [{ start: 0, end: 1.5, text: ' One' }]
    const spoken = { task: 'transcribe', language: 'en', duration: 1.5, text: 'One', segments }
    await using upstream = await scriptedUpstream([json(200, spoken)])
    await using broker = await startBroker({ env: openaiAt(upstream) })
    using folder = tempFolder()
    const sound = join(folder.path, 'a.wav')
    writeFileSync(sound, wavFile(2))
    const argv = ['transcribe', sound, '-m', 'whisper-1', '--socket', broker.sockets.rest, '--format']
    const subtitles = await runInProcess([...argv, 'srt'])
    expect(subtitles).toMatchObject({ exit: 0, out: '1\n00:00:00,000 --> 00:00:01,500\nOne\n' })
    const whole = await runInProcess([...argv, 'verbose_json'])
    expect(JSON.parse(whole.out)).toMatchObject({ duration: 1.5, segments })
  })

  test('a file that is not there exits with 5 and its name', async () => {
    await using broker = await startInProcessDaemon()
    const run = await runInProcess(['transcribe', '/dev/null/a.wav'], broker)
    expect(run).toMatchObject({ exit: 5, err: expect.stringContaining('/dev/null/a.wav') })
  })
})

describe('hero_aibroker image', () => {
  test('writes each image into a file of its own', async () => {
    await using broker = await startInProcessDaemon()
    using folder = tempFolder()
    const path = join(folder.path, 'otter.png')
    const run = await runInProcess(['image', 'an otter', '-n', '2', '-o', path], broker)
    expect(run).toMatchObject({ exit: 0, err: '' })
    expect(readdirSync(folder.path).toSorted()).toEqual(['otter-2.png', 'otter.png'])
    expect(readFileSync(path).subarray(1, 4).toString()).toBe('PNG')
  })

  test('several images into a pipe are refused before they cost anything', async () => {
    await using upstream = await scriptedUpstream([json(200, {})])
    await using broker = await startBroker({ env: openaiAt(upstream) })
    const run = await runInProcess(['image', 'otters', '-n', '2', '--socket', broker.sockets.rest])
    expect(run).toMatchObject({ exit: 2, err: expect.stringContaining('several images need a file') })
    expect(upstream.requests).toHaveLength(0)
  })

  test('is shown where the terminal can, in the pieces that its protocol allows', () => {
    const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.alloc(5000)])
    const on = (isTTY: boolean, environment: Record<string, string>) =>
      imageText({ terminal: { output: { isTTY } }, environment } as unknown as Cli, png)
    expect(on(false, { KITTY_WINDOW_ID: '1' })).toBe('')
    expect(on(true, { TERM_PROGRAM: 'Apple_Terminal' })).toBe('')
    expect(on(true, { TERM_PROGRAM: 'WezTerm' })).toBe(
      `\u001B]1337;File=inline=1;size=5004;height=20:${png.toString('base64')}\u0007\n`,
    )
    const pieces = on(true, { KITTY_WINDOW_ID: '1' }).trim().split('\u001B\\').slice(0, -1)
    expect(pieces.map((piece) => piece.slice(0, piece.indexOf(';')))).toEqual([
      '\u001B_Ga=T,f=100,r=20,m=1',
      '\u001B_Gm=0',
    ])
    const sent = pieces.map((piece) => piece.slice(piece.indexOf(';') + 1)).join('')
    expect(Buffer.from(sent, 'base64').equals(png)).toBe(true)
  })
})
