import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, wait } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const whole = {
  choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1000, completion_tokens: 0, total_tokens: 1000 },
}

test('a changed models file is applied while running, a bad one is reported and changes nothing', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, modelsFile('first-model', 1))
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  expect(broker.stdout()).toContain(`on offer, from ${path}`)
  expect(await statusOf(broker, 'first-model')).toBe(200)
  expect(await statusOf(broker, 'second-model')).toBe(404)

  // As editors write files: a new file replaces the old one.
  writeFileSync(`${path}.new`, modelsFile('second-model', 3))
  renameSync(`${path}.new`, path)
  await expect.poll(() => statusOf(broker, 'second-model')).toBe(200)
  expect(await statusOf(broker, 'first-model')).toBe(404)
  await expect
    .poll(() => broker.rows())
    .toMatchObject([
      { model: 'first-model', cost_nano: 1_000_000 },
      { model: 'second-model', cost_nano: 3_000_000 },
    ])

  writeFileSync(path, modelsFile('third-model', 'a lot'))
  await expect
    .poll(() => broker.rpc('info'))
    .toMatchObject({
      models_config: {
        path,
        problems: [expect.stringMatching(/models\.yml:6:\d+: models\.third-model\.backends/) as string],
      },
      warnings: expect.arrayContaining([expect.stringContaining('the last good copy is in use')]) as string[],
    })
  expect(await statusOf(broker, 'second-model')).toBe(200)
  expect(await statusOf(broker, 'third-model')).toBe(404)

  writeFileSync(path, modelsFile('third-model', 4))
  await expect.poll(() => statusOf(broker, 'third-model')).toBe(200)
  expect(await broker.rpc('info')).not.toHaveProperty('models_config.problems')
})

test('a provider with the name of the built-in mock provider is refused', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, 'providers:\n  local: { base_url: "http://127.0.0.1:1/v1" }\n')
  await expect(startBroker({ env: { MODELS_CONFIG_PATH: path } })).rejects.toThrow(
    'providers.local: this is the name of the built-in',
  )
})

test('a models file that is bad at the start is reported with its line, and the daemon does not start', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, modelsFile('first-model', 'a lot'))
  const starting = startBroker({ env: { MODELS_CONFIG_PATH: path } })
  await expect(starting).rejects.toThrow(`${path}:6:`)
})

test.each([
  ['an unknown key', 'contextwindow: 5, backends: [{provider: openai, model_id: b}]', 'contextwindow'],
  [
    'a negative price',
    'backends: [{provider: openai, model_id: b, input_cost: -1, output_cost: 1}]',
    'input_cost',
  ],
  ['no endpoint', 'context_window: 5', 'backends'],
])('a model with %s is left out at the start, and the others serve', async (_what, fields, named) => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, `${modelsFile('good-model', 1)}  bad-model: {${fields}}\n`)
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  expect(await statusOf(broker, 'good-model')).toBe(200)
  expect(await statusOf(broker, 'bad-model')).toBe(404)
  expect(await broker.rpc('info')).toMatchObject({
    models_config: { problems: [expect.stringContaining(named) as string] },
    warnings: expect.arrayContaining([
      'the models file has a mistake, its entries without one are in use',
    ]) as string[],
  })
  writeFileSync(path, modelsFile('good-model', 1))
  await expect.poll(() => broker.rpc('info')).not.toHaveProperty('models_config.problems')
})

test('a provider with a mistake is left out at the start, and a model of another one serves', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, `providers:\n  acme: {base_url: nowhere}\n${modelsFile('good-model', 1)}`)
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  expect(await statusOf(broker, 'good-model')).toBe(200)
  expect(await broker.rpc('info')).toMatchObject({
    models_config: { problems: [expect.stringContaining('providers.acme.base_url') as string] },
  })
})

function modelsFile(name: string, inputCost: number | string): string {
  return `models:
  ${name}:
    backends:
      - provider: openai
        model_id: ${name}
        input_cost: ${inputCost}
        output_cost: 1
`
}

async function statusOf(broker: Broker, model: string): Promise<number> {
  const messages = [{ role: 'user', content: 'hi' }]
  return (await broker.post('/v1/chat/completions', { model, messages })).status
}

test('a request that falls back after a reload uses the rebuilt provider', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>()
  await using failing = await scriptedUpstream([wait(goOn), json(500, { error: { message: 'no' } })])
  await using working = await scriptedUpstream([json(200, whole)])
  const file = (version: string) => {
    const provider = (base_url: string) => ({ base_url, headers: { 'x-version': version } })
    const backend = (name: string) => ({ provider: name, model_id: 'x', input_cost: 1, output_cost: 1 })
    return JSON.stringify({
      providers: { first: provider(failing.baseUrl), second: provider(working.baseUrl) },
      models: { m: { backends: [backend('first'), backend('second')] } },
    })
  }
  writeFileSync(path, file('1'))
  await using broker = await startBroker({ env: { MODELS_CONFIG_PATH: path } })
  const answer = broker.post('/v1/chat/completions', {
    model: 'm',
    messages: [{ role: 'user', content: 'hi' }],
  })
  await failing.received(0)
  writeFileSync(`${path}.new`, file('2'))
  renameSync(`${path}.new`, path)
  await expect.poll(() => broker.stderr(), { timeout: 10_000 }).toContain('models file taken up')
  go()
  expect(await answer).toMatchObject({ status: 200 })
  expect(working.requests[0]?.headers).toMatchObject({ 'x-version': '2' })
})

test('a models file that lost all or most models is refused, until a forced reload accepts it', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  const five = ['a', 'b', 'c', 'd', 'e'].map((name) => modelsFile(name, 1).replace('models:\n', '')).join('')
  writeFileSync(path, `models:\n${five}`)
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  const problems = async () =>
    ((await broker.rpc('info')) as { models_config: { problems?: string[] } }).models_config.problems?.join()
  for (const [text, problem] of [
    ['providers:\n', 'models.yml has no models: is it cut off?'],
    ['', 'models.yml has no models'],
    [`models:\n${five.slice(0, five.indexOf('  c:'))}`, 'models.yml has only 2 of 5 models'],
  ] as const) {
    writeFileSync(path, text)
    await expect.poll(problems).toContain(problem)
    expect(await broker.rpc('config.reload')).toBeUndefined()
    expect(await statusOf(broker, 'e')).toBe(200)
  }
  await broker.rpc('config.reload', { force: true })
  expect([await statusOf(broker, 'a'), await statusOf(broker, 'e')]).toEqual([200, 404])
  expect(await problems()).toBeUndefined()
})

test('requests are served while a models file at the size limit is refused, and the log line stays short', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, modelsFile('m', 1))
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  const refused = () => broker.stderr().split('models file refused').length - 1
  const texts = [
    'models:\n' + Array.from({ length: 80_000 }, (_, at) => `  m${at}: 5\n`).join(''),
    'x: y: z\n'.repeat(130_000),
    '['.repeat(1_000_000),
    `a0: &a0 [x]\n${Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]\n`).join('')}`,
  ]
  for (const [index, text] of texts.entries()) {
    writeFileSync(path, text)
    let slowestMs = 0
    while (refused() <= index) {
      const startedAt = performance.now()
      await broker.get('/health')
      slowestMs = Math.max(slowestMs, performance.now() - startedAt)
    }
    expect(slowestMs).toBeLessThan(800)
  }
  expect(broker.stderr().length).toBeLessThan(100_000)
  expect(await statusOf(broker, 'm')).toBe(200)
}, 60_000)

test.each([
  ['a FIFO', (path: string) => execFileSync('mkfifo', [path]), 'it is a FIFO, should be a regular file'],
  ['a folder', (path: string) => mkdirSync(path), 'it is a folder'],
  [
    '5 MB',
    (path: string) => writeFileSync(path, 'x: y\n'.repeat(1_000_000)),
    'it has 4.8 MiB, at most 1.0 MiB',
  ],
])('%s in place of the models file is refused without being read', async (_what, put, problem) => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, modelsFile('m', 1))
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  rmSync(path)
  put(path)
  await expect.poll(() => broker.stderr(), { timeout: 5000 }).toContain(problem)
  expect(await statusOf(broker, 'm')).toBe(200)
})

test('a models file of a ConfigMap is taken up when its folder is swapped', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  const swap = (name: string): void => {
    mkdirSync(join(folder.path, `..${name}`))
    writeFileSync(join(folder.path, `..${name}`, 'models.yml'), modelsFile(name, 1))
    symlinkSync(`..${name}`, join(folder.path, '..data_tmp'))
    renameSync(join(folder.path, '..data_tmp'), join(folder.path, '..data'))
  }
  swap('first')
  symlinkSync('..data/models.yml', path)
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  for (const name of ['second', 'third']) {
    swap(name)
    await expect.poll(() => statusOf(broker, name), { timeout: 5000 }).toBe(200)
  }
})
