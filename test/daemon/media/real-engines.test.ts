// Real speech on this host: a text is spoken and written down again, each time through the broker.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toFile } from 'openai'
import { expect, test } from 'vitest'
import { openaiClient } from '../../support/openai-client.ts'
import { openaiAt } from '../../support/providers-env.ts'
import { missingSpeechProgram, speechEngine } from '../../support/speech-engine.ts'
import { startBroker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const missing = missingSpeechProgram()
if (missing !== undefined) console.log(`skipped: real speech and its transcription, for ${missing}`)

const MODELS = `models:
  speaker:
    kind: speech
    backends: [{ provider: openai, model_id: kal16, character_cost: 15 }]
  listener:
    kind: transcription
    backends: [{ provider: openai, model_id: pocketsphinx, hour_cost: 0.36 }]
`
const DIGITS = ['one two three four five', 'seven three nine zero four', 'eight six two five one']

test.skipIf(missing !== undefined)(
  'digits that one model speaks are written down exactly by another, three times of three',
  async () => {
    using folder = tempFolder()
    const models = join(folder.path, 'models.yml')
    writeFileSync(models, MODELS)
    await using engine = await speechEngine()
    await using broker = await startBroker({ env: { ...openaiAt(engine), MODELS_CONFIG_PATH: models } })
    await using client = openaiClient(broker.sockets.rest)
    for (const input of DIGITS) {
      const spoken = await client.audio.speech.create({
        model: 'speaker',
        voice: 'kal16',
        input,
        response_format: 'wav',
      })
      const sound = Buffer.from(await spoken.arrayBuffer())
      expect(sound.toString('latin1', 0, 4)).toBe('RIFF')
      expect(broker.rows().at(-1)).toMatchObject({
        kind: 'speech',
        characters: input.length,
        cost_nano: input.length * 15_000,
      })
      const file = await toFile(sound, 'digits.wav')
      const { text } = await client.audio.transcriptions.create({ model: 'listener', file })
      expect(text).toBe(input)
      const soundMs = Math.round((sound.byteLength - 44) / 32)
      // $0.36 an hour are 100 nano-dollars a millisecond.
      expect(broker.rows().at(-1)).toMatchObject({
        kind: 'transcription',
        sound_ms: soundMs,
        cost_nano: soundMs * 100,
        unpriced: 0,
      })
    }
  },
)
