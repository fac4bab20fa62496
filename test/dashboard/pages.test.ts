// The dashboard in a real browser, on a real broker with a month of requests.
import { createRequire } from 'node:module'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { usdText, money } from '../../src/base/money.ts'
import { tempFolder } from '../support/temp-folder.ts'
import {
  sse,
  chatChunk,
  finishChunk,
  done,
  scriptedUpstream,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import {
  CHROMIUM,
  NEEDS_CHROMIUM,
  newPage,
  openBrowser,
  openDashboard,
  type OpenDashboard,
  type WatchedPage,
} from './open-dashboard.ts'
import { ledgerSum, seedTraffic } from './seed-traffic.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PAGES = [
  '',
  'requests',
  'requests/gen-000481',
  'usage',
  'models',
  'providers',
  'cascade',
  'tokens',
  'limits',
  'callers',
  'contexts',
  'mcp',
  'playground',
  'ledger',
  'settings',
  'logs',
  'start',
]

const folder = tempFolder()
let dashboard: OpenDashboard
let browser: Browser
let upstream: ScriptedUpstream

describe.skipIf(CHROMIUM === undefined)(`the dashboard in a browser${NEEDS_CHROMIUM}`, () => {
  beforeAll(async () => {
    await seedTraffic(folder.path, 1500)
    upstream = await scriptedUpstream([sse(chatChunk('Hello '), chatChunk('there'), finishChunk(), done)], {
      over: 'tcp',
    })
    const env = {
      OPENAI_API_KEY: 'sk-very-secret',
      AIBROKER_OPENAI_URL: upstream.baseUrl,
      GROQ_API_KEY: 'gsk-very-secret',
      AIBROKER_GROQ_URL: upstream.baseUrl,
    }
    dashboard = await openDashboard({ folder: folder.path, env })
    await dashboard.broker.rpc('limits.set', {
      subject: { scope: 'context', context: 'lab' },
      rule: { usd_total: '1' },
    })
    browser = await openBrowser()
  }, 120_000)
  afterAll(async () => {
    await browser.close()
    await dashboard[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function loggedIn(
    options: BrowserContextOptions = {},
  ): Promise<WatchedPage & { context: BrowserContext }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
    const watched = await newPage(context)
    await watched.page.goto(await dashboard.newLink())
    await watched.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
    return { ...watched, context }
  }

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [360, 'light'],
    [360, 'dark'],
  ] as const)(
    'every page at %d px, %s, has no accessibility fault, no console message and no sideways scroll',
    async (width, colorScheme) => {
      const { page, problems, loaded, context } = await loggedIn({
        viewport: { width, height: 800 },
        colorScheme,
      })
      for (const name of PAGES) {
        await page.goto(`${dashboard.origin}/${name}?range=30d`)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await expect.poll(() => page.locator('.skeleton').count()).toBe(0)
        await page.evaluate(`${AXE};0`)
        const found: string[] = await page.evaluate(
          `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 2).map(({ html }) => html).join(' ')))`,
        )
        expect([name, found]).toEqual([name, []])
        expect([name, await page.evaluate('document.documentElement.scrollWidth - innerWidth')]).toEqual([
          name,
          0,
        ])
        expect(await page.evaluate('window.hacked')).toBeUndefined()
      }
      expect(problems).toEqual([])
      expect(loaded.filter((url) => !url.startsWith(dashboard.origin))).toEqual([])
      await context.close()
    },
    240_000,
  )

  test('the spend on Overview and Usage is the ledger’s sum to the nano-dollar', async () => {
    const { page, context } = await loggedIn()
    const exact = usdText(money(ledgerSum(folder.path)))
    for (const path of ['', 'usage', 'ledger']) {
      await page.goto(`${dashboard.origin}/${path}?range=all`)
      await expect
        .poll(() =>
          page.getByRole('region', { name: 'Spend' }).first().locator('.figure').getAttribute('data-exact'),
        )
        .toBe(exact)
    }
    await page.goto(`${dashboard.origin}/requests?range=all`)
    await expect.poll(() => page.locator('main strong[data-exact]').getAttribute('data-exact')).toBe(exact)
    await context.close()
  })

  test('a filter is in the address, back undoes it, and a failed request shows its caller and its error', async () => {
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/requests?range=all`)
    await page.getByRole('button', { name: 'Add filter' }).click()
    await expect.poll(() => page.url()).toContain('status=failed')
    await expect.poll(() => page.locator('.log-row .status:not(.failed)').count()).toBe(0)
    await page.locator('.log-row a').first().click()
    await page.getByRole('heading', { level: 1, name: 'Request' }).waitFor()
    await page.getByText('openai is busy: 429').first().waitFor()
    await page
      .getByText(/^10\.1\.0\.\d$/)
      .first()
      .waitFor()
    await page.goBack()
    await page.goBack()
    await expect.poll(() => page.url()).not.toContain('status=')
    await page.goto(`${dashboard.origin}/requests?range=all&model=${encodeURIComponent('gpt://x//y%#😀')}`)
    await page.getByRole('button', { name: 'Remove model gpt://x//y%#😀' }).waitFor()
    await expect.poll(() => page.locator('.log-row').count()).toBeGreaterThan(5)
    expect(await page.locator('.log-row').count()).toBeLessThan(200)
    await context.close()
  })

  test('a priority is changed and undone, and no key is anywhere', async () => {
    const { page, context } = await loggedIn()
    const answers: string[] = []
    page.on(
      'response',
      (response) =>
        void response.text().then(
          (text) => answers.push(text),
          () => undefined,
        ),
    )
    await page.goto(`${dashboard.origin}/providers`)
    const input = page.getByRole('textbox', { name: /Priority of Groq/i })
    await input.fill('x')
    await page.getByText('A whole number').waitFor()
    await input.fill('3')
    await input.blur()
    await expect.poll(() => dashboard.broker.rpc('priority.list')).toEqual({ groq: 3 })
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect.poll(() => dashboard.broker.rpc('priority.list')).toEqual({})
    const seen = [await page.content(), JSON.stringify(await context.storageState()), ...answers].join('\n')
    expect(seen).not.toMatch(/very-secret/)
    await context.close()
  })

  test('a token is shown once, and its session sees its own requests alone', async () => {
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/tokens`)
    await page.getByRole('button', { name: 'New token' }).click()
    await page.getByLabel('Label', { exact: true }).fill('notebook')
    await page.getByRole('dialog').getByRole('button', { name: 'New token' }).click()
    const secret = (await page.locator('dialog pre').textContent()) ?? ''
    expect(secret.length).toBeGreaterThan(20)
    await page.getByRole('button', { name: 'I have copied it' }).click()
    await page.reload()
    await page.getByText('notebook').first().waitFor()
    expect(await page.content()).not.toContain(secret)
    await dashboard.broker.post(
      '/v1/chat/completions',
      { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] },
      { headers: { authorization: `Bearer ${secret}` } },
    )

    const other = await browser.newContext()
    const { page: own } = await newPage(other)
    await own.goto(dashboard.origin)
    await own.getByLabel('Token').fill(secret)
    await own.getByRole('button', { name: 'Log in' }).click()
    await own.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
    await own.goto(`${dashboard.origin}/requests?range=all`)
    await own.locator('.log-row').first().waitFor()
    expect(await own.locator('.log-row').count()).toBe(1)
    expect(await own.getByRole('link', { name: 'Tokens' }).count()).toBe(0)
    expect(await own.content()).not.toContain('10.1.0.')
    await own.goto(`${dashboard.origin}/tokens`)
    await own.getByText('Only an administrator').waitFor()
    await own.goto(`${dashboard.origin}/requests/gen-000481`)
    await own.getByText('there is no request').waitFor()
    expect(JSON.stringify(await other.storageState())).not.toContain(secret)
    await other.close()
    await context.close()
  })

  test('a mother is added, edited, tested, disabled and removed, and her token is shown nowhere', async () => {
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/cascade`)
    await page.getByText('No broker is above this one').waitFor()
    await page.getByRole('button', { name: 'Add a mother' }).click()
    const form = page.getByRole('dialog')
    await form.getByLabel('Address and port').fill('127.0.0.1:9')
    await form.getByLabel('Label').fill('root <b>')
    await form.getByLabel('Bearer token').fill('hidden-token')
    await form.getByRole('button', { name: 'Save' }).click()
    const row = page.getByRole('region', { name: 'Mothers' }).getByRole('row', { name: /root <b>/ })
    await row.getByText('cascade').waitFor()
    const mothers = (): Promise<unknown> => dashboard.broker.rpc('mothers.list')
    expect(await mothers()).toMatchObject([{ address: '127.0.0.1', port: 9, priority: 10, has_token: true }])

    await row.getByRole('button', { name: /^Test/ }).click()
    await row.getByText('✕').last().waitFor()
    await row.getByRole('button', { name: 'Edit root <b>' }).click()
    await form.getByLabel('Priority').fill('3')
    await form.getByLabel('Label').fill('')
    await form.getByRole('button', { name: 'Save' }).click()
    await expect.poll(mothers).toMatchObject([{ port: 9, priority: 3, has_token: true }])
    expect(await mothers()).not.toMatchObject([{ label: expect.anything() as unknown }])

    await page.getByRole('button', { name: 'Disable ai_broker_mother' }).click()
    await expect.poll(mothers).toMatchObject([{ enabled: false, state: 'disabled' }])
    expect(await page.content()).not.toContain('hidden-token')
    expect(JSON.stringify(await context.storageState())).not.toContain('hidden-token')
    await page.getByRole('button', { name: 'Remove ai_broker_mother' }).click()
    await form.getByText(/with all models that she offers/).waitFor()
    await form.getByRole('button', { name: 'Remove' }).click()
    await expect.poll(mothers).toEqual([])
    await page.getByText('No broker is above this one').waitFor()
    await context.close()
  })

  test('a lease of a broker below is shown with what it spent and is ended after a question', async () => {
    const lease = (await dashboard.broker.rpc('leases.exchange', { want_usd: '0.5' })) as { id: string }
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/cascade`)
    await page
      .getByRole('region', { name: 'Leases of brokers below' })
      .getByText(/^\$?0\.500000$/)
      .first()
      .waitFor()
    await page.getByRole('button', { name: `End ${lease.id}` }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'End' }).click()
    await page.getByText('No broker below holds a lease.').waitFor()
    expect(await dashboard.broker.rpc('leases.list')).toEqual([])
    await context.close()
  })

  test('the spend of this broker on Cascade is the ledger’s sum to the nano-dollar', async () => {
    const { page, context } = await loggedIn()
    await page.goto(`${dashboard.origin}/cascade?range=all`)
    const spend = page
      .getByRole('region', { name: 'Spend per hop' })
      .getByRole('listitem')
      .filter({ hasText: 'This broker' })
      .locator('strong')
    await expect.poll(() => spend.getAttribute('data-exact')).toBe(usdText(money(ledgerSum(folder.path))))
    await context.close()
  })

  test('a chat streams into the playground, and its row appears live in another tab', async () => {
    const { page, context } = await loggedIn()
    const { page: second } = await newPage(context)
    await second.goto(`${dashboard.origin}/requests?range=1h&model=gpt-4o-mini&kind=chat`)
    await second.getByRole('heading', { level: 1 }).waitFor()
    const before = await second.locator('.log-row').count()
    await page.goto(`${dashboard.origin}/playground`)
    await page.getByLabel('Model').fill('gpt-4o-mini')
    await page.getByLabel('Message', { exact: true }).fill('Say hello')
    await page.getByLabel('Message', { exact: true }).press('Enter')
    await expect.poll(() => page.locator('.say').last().textContent()).toContain('Hello there')
    await page.getByRole('link', { name: 'Open the request' }).waitFor()
    await second.bringToFront()
    await expect.poll(() => second.locator('.log-row').count()).toBeGreaterThan(before)
    await context.close()
  })

  test('the keyboard opens the palette and goes to a page, and Escape gives the focus back', async () => {
    const { page, context } = await loggedIn()
    await page.keyboard.press('Control+k')
    await page.getByRole('dialog').getByRole('textbox').fill('usa')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('p')
    await page.getByRole('heading', { level: 1, name: 'Providers' }).waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
    await context.close()
  })

  test('a page whose method fails says so, with a retry, and the rest of it stays', async () => {
    const { page, context } = await loggedIn()
    await page.route('**/api/rpc', (route) =>
      (route.request().postData() ?? '').includes('limits.near')
        ? route.fulfill({ status: 500, body: 'oops' })
        : route.continue(),
    )
    await page.goto(`${dashboard.origin}/?range=30d`)
    await page.getByRole('alert').getByText('This could not be loaded.').waitFor()
    await page.getByRole('region', { name: 'Spend' }).waitFor()
    await page.unroute('**/api/rpc')
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => page.getByRole('alert').count()).toBe(0)
    await context.close()
  })

  test('the first view is under 200 kB compressed', async () => {
    const { page, loaded, context } = await loggedIn()
    await page.locator('canvas').waitFor()
    const assets = join(import.meta.dirname, '../../dist/dashboard-app/assets')
    const names = new Set(
      loaded.filter((url) => url.includes('/assets/')).map((url) => url.split('/').at(-1) ?? ''),
    )
    const bytes = [...names].reduce((sum, name) => sum + statSync(join(assets, `${name}.gz`)).size, 0)
    console.log(`first view: ${Math.round(bytes / 1000)} kB gzipped in ${names.size} files`)
    expect(names.size).toBeGreaterThan(3)
    expect(bytes).toBeLessThan(200_000)
    expect(readdirSync(assets).length).toBeGreaterThan(names.size)
    await context.close()
  })
})

test.skipIf(CHROMIUM === undefined)(
  `the banner of a mother, and a broker that goes away and comes back${NEEDS_CHROMIUM}`,
  async () => {
    using own = tempFolder()
    await using here = await openDashboard({ folder: own.path, args: ['--mother'] })
    const chrome = await openBrowser()
    const { page } = await newPage(await chrome.newContext())
    await page.goto(await here.newLink())
    await page.getByText('This broker is a mother').waitFor()
    await page.getByText('No request yet.').or(page.getByText('$0')).first().waitFor()
    here.broker.signal('SIGKILL')
    await page.getByText(/^Offline, figures as of/).waitFor()
    const { startBroker } = await import('../support/start-broker.ts')
    await using again = await startBroker({ folder: own.path })
    await expect.poll(() => page.getByText(/^Offline/).count()).toBe(0)
    await expect.poll(() => page.getByText('This broker is a mother').count()).toBe(0)
    expect(again.pid).toBeGreaterThan(0)
    await chrome.close()
  },
  120_000,
)
