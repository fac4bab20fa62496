import { describe, expect, test } from 'vitest'

import type { Reply, VendorSpec } from './replica.ts'
import { fastForwardClock, startReplica } from './replica.ts'
import { exaSpec } from './replicas/exa.ts'
import { scraperapiSpec } from './replicas/scraperapi.ts'
import { scrapflySpec } from './replicas/scrapfly.ts'
import { serpapiSpec } from './replicas/serpapi.ts'
import { serperSpec } from './replicas/serper.ts'
import { openInProcess } from './support.ts'

/** A server connected to its replica, which rejects every path and field that the vendor does not document. */
async function openWithReplica(
  spec: VendorSpec,
  replies: readonly Reply[],
  env: Record<string, string> = {},
) {
  const replica = await startReplica(spec)
  replica.replies = replies
  const connected = await openInProcess(
    spec.server,
    { ...replica.env, [spec.keysVariable]: 'key-0123', ...env },
    { clock: fastForwardClock() },
  )
  await connected.client.listTools()
  return {
    seen: replica.seen,
    env: replica.env,
    reply: (...next: readonly Reply[]) => (replica.replies = next),
    tool: connected.tool.bind(connected),
    async [Symbol.asyncDispose]() {
      await connected[Symbol.asyncDispose]()
      await replica[Symbol.asyncDispose]()
    },
  }
}

const rowsOf = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    title: `t${from + index}`,
    link: `https://r${from + index}.example/`,
    snippet: 's',
  }))

describe('serper', () => {
  test('requests a second page for more than ten results, removes duplicates and adds up the credits', async () => {
    await using at = await openWithReplica(
      serperSpec,
      [{ body: { organic: rowsOf(1, 10), credits: 1 } }, { body: { organic: rowsOf(9, 10), credits: 1 } }],
      { SERPER_USD_PER_CREDIT: '0.001' },
    )
    const called = await at.tool('web_search', { query: 'q', limit: 20, freshness: 'week', country: 'BE' })
    expect(called.data['results']).toHaveLength(18)
    expect(called.data['usage']).toEqual({ requests: 2, credits: 2, costUsd: 0.002 })
    expect(at.seen.map(({ body }) => body)).toMatchObject([
      { q: 'q', gl: 'be', hl: 'en', page: 1, num: 10, tbs: 'qdr:w' },
      { page: 2 },
    ])
  })

  test('keeps the first page when the second fails', async () => {
    await using at = await openWithReplica(serperSpec, [
      { body: { organic: rowsOf(1, 10), credits: 1 } },
      { status: 400, body: { message: 'Not enough credits' } },
    ])
    const called = await at.tool('web_search', { query: 'q', limit: 20 })
    expect(called.data).toMatchObject({
      truncated: true,
      warnings: [expect.stringContaining('Not enough credits')],
    })
    expect(called.data['results']).toHaveLength(10)
  })

  test.each([
    ['news', '/news', 'news'],
    ['places', '/places', 'places'],
    ['maps', '/maps', 'places'],
    ['scholar', '/scholar', 'organic'],
    ['patents', '/patents', 'organic'],
    ['autocomplete', '/autocomplete', 'suggestions'],
  ])('searches %s with the fields of that kind', async (type, path, field) => {
    await using at = await openWithReplica(serperSpec, [
      { body: { [field]: [{ title: 'one', rating: 4.5 }], credits: 1 } },
    ])
    const called = await at.tool('vertical_search', { type, query: 'q', coordinates: '51.05,3.72' })
    expect(called.data).toMatchObject({ type, results: [{ title: 'one', rating: 4.5 }] })
    expect(at.seen[0]?.path).toBe(path)
  })

  test('reads reviews, pages, images and the balance', async () => {
    await using at = await openWithReplica(serperSpec, [
      { body: { reviews: [{ rating: 5, snippet: 'good' }], nextPageToken: 'n', credits: 1 } },
    ])
    expect((await at.tool('place_reviews', { cid: '1' })).data).toMatchObject({
      next_page_token: 'n',
      reviews: [{ rating: 5 }],
    })
    expect((await at.tool('place_reviews', { cid: '1', fid: '2' })).isError).toBe(true)
    at.reply({ body: { text: 'plain', markdown: '# marked', metadata: { title: 'T' }, credits: 2 } })
    expect((await at.tool('scrape_page', { url: 'https://a.example/' })).data).toMatchObject({
      content: '# marked',
      format: 'markdown',
      title: 'T',
      usage: { credits: 2 },
    })
    at.reply({ body: { organic: rowsOf(1, 2), credits: 1 } })
    expect(
      (await at.tool('image_lookup', { image_url: 'https://a.example/i.png' })).data['results'],
    ).toHaveLength(2)
    at.reply({ body: { balance: 2499, rateLimit: 50 } })
    expect((await at.tool('account')).data).toMatchObject({ balance: 2499, rateLimit: 50 })
    expect(at.seen.at(-1)).toMatchObject({ method: 'GET', path: '/account' })
  })

  test('rejects private addresses before the vendor is called', async () => {
    await using at = await openWithReplica(serperSpec, [{}])
    const called = await at.tool('scrape_page', { url: 'http://169.254.169.254/' })
    expect(called).toMatchObject({ isError: true, text: expect.stringContaining('private') })
    expect(at.seen).toEqual([])
  })
})

describe('serpapi', () => {
  test('returns an empty list for “no results” inside a 200, whatever the status field contains', async () => {
    for (const status of ['Success', 'Error']) {
      const body = {
        search_metadata: { id: 'i', status },
        error: "Google hasn't returned any results for this query.",
      }
      await using at = await openWithReplica(serpapiSpec, [{ body }])
      const called = await at.tool('web_search', { query: 'zxqv' })
      expect(called).toMatchObject({ isError: false, data: { results: [] } })
      expect(called.text).toContain('No results')
    }
  })

  test.each([
    ['youtube', 'search_query'],
    ['yandex', 'text'],
    ['amazon', 'k'],
    ['ebay', '_nkw'],
    ['google_news', 'q'],
  ])('puts the query where %s wants it', async (engine, field) => {
    await using at = await openWithReplica(serpapiSpec, [
      { body: { search_metadata: { id: 'abcdef', status: 'Success' }, video_results: [{ title: 'v' }] } },
    ])
    const called = await at.tool('engine_search', { engine, query: 'cats', params: { gl: 'us' } })
    expect(at.seen[0]?.query).toMatchObject({ engine, [field]: 'cats', gl: 'us', output: 'json' })
    expect(called.data).toMatchObject({ searchId: 'abcdef', result: { video_results: [{ title: 'v' }] } })
    expect(called.data['result']).not.toHaveProperty('search_metadata')
  })

  test('rejects the key, the response format and another engine in params', async () => {
    await using at = await openWithReplica(serpapiSpec, [{}])
    for (const name of ['api_key', 'output', 'async', 'engine']) {
      expect(
        (await at.tool('engine_search', { engine: 'bing', query: 'q', params: { [name]: 'x' } })).isError,
      ).toBe(true)
    }
    expect(at.seen).toEqual([])
  })

  test('translates options to each engine’s own field names', async () => {
    await using at = await openWithReplica(serpapiSpec, [{ body: { organic_results: [] } }])
    const options = { query: 'q', country: 'be', language: 'nl', page: 2, freshness: 'day' }
    for (const engine of ['google_light', 'bing', 'duckduckgo'])
      await at.tool('web_search', { ...options, engine })
    expect(at.seen.map(({ query }) => query)).toMatchObject([
      { gl: 'be', hl: 'nl', start: '10', tbs: 'qdr:d', safe: 'active' },
      { cc: 'be', setlang: 'nl', first: '11', safeSearch: 'strict' },
      { kl: 'be-nl', start: '10', df: 'd', safe: '1' },
    ])
  })

  test('finds places, earlier searches, engines and the account, free of charge', async () => {
    await using at = await openWithReplica(serpapiSpec, [
      { body: [{ canonical_name: 'Ghent,Flanders,Belgium', country_code: 'BE', target_type: 'City' }] },
    ])
    expect((await at.tool('find_location', { query: 'Ghent' })).data).toMatchObject({
      locations: [{ name: 'Ghent,Flanders,Belgium' }],
    })
    at.reply({ body: { search_metadata: { id: 'abcdef', status: 'Success' }, organic_results: [] } })
    expect((await at.tool('get_search', { search_id: 'abcdef' })).data).toMatchObject({
      usage: { creditsAtMost: 0 },
    })
    at.reply({ body: { plan_name: 'Free', total_searches_left: 99, account_rate_limit_per_hour: 50 } })
    expect((await at.tool('account')).data).toMatchObject({ searchesLeft: 99, limitPerHour: 50 })
    expect((await at.tool('list_engines', { filter: 'video' })).data).toMatchObject({
      engines: [{ name: 'youtube', queryKey: 'search_query' }],
    })
  })
})

describe('exa', () => {
  test('requests highlights, which the API does not return by default', async () => {
    await using at = await openWithReplica(exaSpec, [exaSpec.good.reply])
    await at.tool('web_search', {
      query: 'q',
      include_domains: ['example.org'],
      published_after: '2026-01-01',
      country: 'be',
    })
    expect(at.seen[0]?.body).toEqual({
      query: 'q',
      type: 'auto',
      numResults: 8,
      includeDomains: ['example.org'],
      startPublishedDate: '2026-01-01',
      userLocation: 'BE',
      contents: { highlights: { maxCharacters: 2000 } },
    })
  })

  test('drops filters that lite does not support, with a warning', async () => {
    await using at = await openWithReplica(exaSpec, [exaSpec.good.reply])
    const called = await at.tool('web_search', { query: 'q', type: 'lite', country: 'be', max_age_hours: 0 })
    expect(called.data['warnings']).toEqual([expect.stringContaining('userLocation, maxAgeHours')])
    expect(at.seen[0]?.body).not.toHaveProperty('userLocation')
  })

  test('rejects a category that conflicts with its filters before the vendor is called', async () => {
    await using at = await openWithReplica(exaSpec, [{}])
    const called = await at.tool('web_search', {
      query: 'q',
      category: 'people',
      published_after: '2026-01-01',
    })
    expect(called).toMatchObject({ isError: true, text: expect.stringContaining('published_after') })
    expect(at.seen).toEqual([])
  })

  test('lists pages that failed inside a 200 beside the successful ones', async () => {
    const body = {
      results: [{ id: 'https://a.example/', url: 'https://a.example/', title: 'A', text: 'x'.repeat(900) }],
      statuses: [
        { id: 'https://a.example/', status: 'success' },
        { id: 'https://b.example/', status: 'error', error: { tag: 'CRAWL_NOT_FOUND', httpStatusCode: 404 } },
        { id: 'https://c.example/', status: 'error', error: { tag: 'SOMETHING_NEW', httpStatusCode: 403 } },
      ],
      costDollars: { total: 0.001 },
    }
    await using at = await openWithReplica(exaSpec, [{ body }])
    const urls = ['https://a.example/', 'https://b.example/', 'https://c.example/']
    const called = await at.tool('fetch_pages', { urls, max_chars: 500 })
    expect(called.data).toMatchObject({
      pages: [{ title: 'A', truncated: true }],
      failures: [
        { url: 'https://b.example/', kind: 'not_found', tag: 'CRAWL_NOT_FOUND' },
        { url: 'https://c.example/', kind: 'blocked' },
      ],
      usage: { costUsd: 0.001 },
    })
  })

  test('fails when no page could be read', async () => {
    const statuses = [
      { id: 'https://b.example/', status: 'error', error: { tag: 'CRAWL_TIMEOUT', httpStatusCode: 504 } },
    ]
    await using at = await openWithReplica(exaSpec, [{ body: { results: [], statuses } }])
    const called = await at.tool('fetch_pages', { urls: ['https://b.example/'] })
    expect(called.data).toMatchObject({ error: { kind: 'timeout', code: 'CRAWL_TIMEOUT' } })
    expect(at.seen).toHaveLength(1)
  })

  test('returns answers with sources, and finds similar pages by a page’s summary', async () => {
    await using at = await openWithReplica(exaSpec, [
      {
        body: {
          answer: '42',
          citations: [{ url: 'https://a.example/', title: 'A' }],
          costDollars: { total: 0.005 },
        },
      },
    ])
    expect((await at.tool('answer', { query: 'what?' })).data).toMatchObject({
      answer: '42',
      citations: [{ url: 'https://a.example/' }],
    })
    at.reply(
      {},
      {
        body: {
          results: [{ url: 'https://a.example/', title: 'A', summary: 'on tides' }],
          costDollars: { total: 0.002 },
        },
      },
      exaSpec.good.reply,
    )
    const similar = await at.tool('find_similar', { url: 'https://a.example/' })
    expect(at.seen.at(-1)?.body).toMatchObject({ query: 'A. on tides', excludeDomains: ['a.example'] })
    expect(similar.data).toMatchObject({ usage: { requests: 2, costUsd: 0.009 } })
  })
})

describe('scraperapi', () => {
  test('puts the complete address last in the query', async () => {
    await using at = await openWithReplica(scraperapiSpec, [scraperapiSpec.good.reply], {
      SCRAPERAPI_USD_PER_CREDIT: '0.00049',
    })
    const url = 'https://tides.example/page?a=1&b=2#c'
    const called = await at.tool('scrape_page', {
      url,
      render: true,
      wait_for_selector: '#x',
      tier: 'premium',
      max_cost: 30,
    })
    expect(at.seen[0]).toMatchObject({
      lastQueryField: 'url',
      query: {
        url,
        output_format: 'markdown',
        render: 'true',
        wait_for_selector: '#x',
        premium: 'true',
        max_cost: '30',
      },
    })
    expect(called.data).toMatchObject({
      finalUrl: 'https://tides.example/end',
      status: 200,
      usage: { credits: 1, costUsd: 0.00049 },
    })
  })

  test('reports the cost of a failure that the vendor charged for', async () => {
    await using at = await openWithReplica(scraperapiSpec, [
      { status: 404, headers: { 'sa-statuscode': '404', 'sa-credit-cost': '1' }, body: 'gone' },
    ])
    const called = await at.tool('scrape_page', { url: 'https://a.example/' })
    expect(called.data).toMatchObject({ error: { kind: 'target_error', usage: { credits: 1 } } })
  })

  test('truncates a long page and reports its length', async () => {
    await using at = await openWithReplica(scraperapiSpec, [{ body: 'word '.repeat(10_000) }])
    const called = await at.tool('scrape_page', { url: 'https://a.example/', max_chars: 1000 })
    expect(called.data).toMatchObject({ truncated: true, totalChars: 50_000 })
    expect(String(called.data['content']).length).toBeLessThanOrEqual(1000)
  })

  test('returns an image as an image, unless it is too large', async () => {
    const headers = { 'content-type': 'image/png' }
    await using at = await openWithReplica(scraperapiSpec, [{ headers, body: new Uint8Array([1, 2, 3]) }])
    const called = await at.tool('scrape_page', { url: 'https://a.example/i.png' })
    expect(called.blocks[1]).toEqual({ type: 'image', mimeType: 'image/png', data: 'AQID' })
    at.reply({ headers, body: new Uint8Array(1_100_000) })
    expect((await at.tool('scrape_page', { url: 'https://a.example/i.png' })).data).toMatchObject({
      error: { kind: 'target_error' },
    })
  })

  test('starts jobs with the key in the body and reads them by id', async () => {
    const job = {
      id: 'job-12345678',
      status: 'running',
      url: 'https://a.example/',
      statusUrl: 'https://evil.example/steal',
    }
    await using at = await openWithReplica(scraperapiSpec, [{ body: job }])
    expect((await at.tool('submit_job', { urls: ['https://a.example/'] })).data).toMatchObject({
      jobs: [{ id: 'job-12345678', status: 'running' }],
    })
    at.reply({ body: [job, job] })
    expect(
      (await at.tool('submit_job', { urls: ['https://a.example/', 'https://b.example/'] })).data['jobs'],
    ).toHaveLength(2)
    at.reply({ body: { ...job, status: 'finished', response: { statusCode: 200, body: '# page' } } })
    expect((await at.tool('get_job', { job_id: 'job-12345678' })).data).toMatchObject({
      status: 'finished',
      content: '# page',
    })
    expect(at.seen.map(({ path }) => path)).toEqual(['/jobs', '/batchjobs', '/jobs/job-12345678'])
    expect((await at.tool('get_job', { job_id: '../account?x=' })).isError).toBe(true)
  })

  test('reads parsed data, costs and the account', async () => {
    await using at = await openWithReplica(scraperapiSpec, [{ body: { name: 'Lamp', price: 3 } }])
    expect((await at.tool('scrape_structured', { url: 'https://shop.example/1' })).data).toMatchObject({
      result: { name: 'Lamp' },
    })
    at.reply({ body: '<html>no parser</html>' })
    expect((await at.tool('scrape_structured', { url: 'https://shop.example/1' })).data).toMatchObject({
      error: { kind: 'bad_request' },
    })
    at.reply({ body: { credits: 10 } })
    expect((await at.tool('estimate_cost', { url: 'https://a.example/', render: true })).data).toMatchObject({
      credits: 10,
    })
    at.reply({ body: { requestCount: 10, requestLimit: 1000, concurrencyLimit: 5 } })
    expect((await at.tool('account')).data).toMatchObject({ used: 10, left: 990 })
  })
})

describe('scrapfly', () => {
  const page = (result: object) => ({
    body: { context: { cost: { total: 1 } }, result: { success: true, status_code: 200, ...result } },
  })

  test('requires a cost budget where there is no fixed price', async () => {
    await using at = await openWithReplica(scrapflySpec, [scrapflySpec.good.reply])
    expect(await at.tool('scrape_page', { url: 'https://a.example/', anti_bot: true })).toMatchObject({
      isError: true,
      text: expect.stringContaining('cost_budget'),
    })
    expect(at.seen).toEqual([])
    await at.tool('scrape_page', {
      url: 'https://a.example/',
      anti_bot: true,
      cost_budget: 30,
      proxy: 'residential',
      cache_ttl_s: 60,
    })
    expect(at.seen[0]?.query).toMatchObject({
      asp: 'true',
      cost_budget: '30',
      proxy_pool: 'public_residential_pool',
      cache: 'true',
      cache_ttl: '60',
      format: 'markdown:only_content',
    })
  })

  test('reports the credits left', async () => {
    await using at = await openWithReplica(scrapflySpec, [scrapflySpec.good.reply])
    expect((await at.tool('scrape_page', { url: 'https://a.example/' })).data).toMatchObject({
      usage: { credits: 6, remaining: 994 },
    })
  })

  test("follows the pointer to a large page with the key, on the vendor's host only", async () => {
    await using at = await openWithReplica(scrapflySpec, [])
    at.reply(page({ format: 'clob', content: `${at.env['SCRAPFLY_URL']}/large/page` }), {
      body: 'the large page',
    })
    expect((await at.tool('scrape_page', { url: 'https://a.example/' })).data).toMatchObject({
      content: 'the large page',
    })
    expect(at.seen[1]).toMatchObject({ path: '/large/page', key: 'key-0123' })
    at.reply(page({ format: 'clob', content: 'https://evil.example/page' }))
    expect((await at.tool('scrape_page', { url: 'https://a.example/' })).data).toMatchObject({
      error: { kind: 'upstream' },
    })
  })

  test('takes screenshots, and rejects too large ones with advice', async () => {
    const headers = {
      'content-type': 'image/jpeg',
      'x-scrapfly-upstream-http-code': '200',
      'x-scrapfly-api-cost': '60',
    }
    await using at = await openWithReplica(scrapflySpec, [{ headers, body: new Uint8Array([255, 216]) }])
    const called = await at.tool('screenshot', {
      url: 'https://a.example/',
      capture: 'selector',
      selector: '#main',
      dark_mode: true,
    })
    expect(at.seen[0]?.query).toMatchObject({
      capture: '#main',
      options: 'dark_mode,block_banners',
      format: 'jpg',
    })
    expect(called.blocks[1]).toMatchObject({ type: 'image', mimeType: 'image/jpeg' })
    at.reply({ headers, body: new Uint8Array(1_100_000) })
    expect((await at.tool('screenshot', { url: 'https://a.example/' })).data).toMatchObject({
      error: { next: expect.stringContaining('viewport'), usage: { credits: 60 } },
    })
  })

  test('extracts data from pages and text', async () => {
    await using at = await openWithReplica(scrapflySpec, [
      page({ extracted_data: { data: { title: 'T' }, data_quality: { fulfilled: true } } }),
    ])
    expect((await at.tool('extract', { url: 'https://a.example/', model: 'article' })).data).toMatchObject({
      data: { title: 'T' },
      quality: { fulfilled: true },
    })
    at.reply({ body: { data: { price: 3 }, content_type: 'application/json' } })
    expect((await at.tool('extract', { content: '<b>3</b>', prompt: 'the price' })).data).toMatchObject({
      data: { price: 3 },
    })
    expect(at.seen[1]).toMatchObject({
      method: 'POST',
      path: '/extraction',
      body: '<b>3</b>',
      query: { extraction_prompt: 'the price', content_type: 'text/html' },
    })
    expect((await at.tool('extract', { content: 'x', prompt: 'y', model: 'article' })).isError).toBe(true)
    at.reply({
      body: {
        project: { name: 'p' },
        subscription: { plan_name: 'Free', usage: { scrape: { current: 6, limit: 1000, remaining: 994 } } },
      },
    })
    expect((await at.tool('account')).data).toMatchObject({ left: 994, plan: 'Free' })
  })
})
