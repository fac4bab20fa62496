/** A common engine: its purpose and the name of its query field. Other engines are forwarded unchecked, with `q`. */
export interface Engine {
  readonly name: string
  readonly queryKey: string
  readonly purpose: string
  /** Fields beside the query that are worth knowing. */
  readonly fields: string
}

export const ENGINES: readonly Engine[] = [
  {
    name: 'google_light',
    queryKey: 'q',
    purpose: 'Google pages, fast and cheap',
    fields: 'location, gl, hl, start',
  },
  {
    name: 'google',
    queryKey: 'q',
    purpose: 'Google pages with all boxes',
    fields: 'location, gl, hl, tbs, safe, start, device',
  },
  { name: 'google_news', queryKey: 'q', purpose: 'Google News', fields: 'gl, hl, topic_token' },
  { name: 'google_images', queryKey: 'q', purpose: 'Google Images', fields: 'gl, hl, tbs, ijn' },
  { name: 'google_maps', queryKey: 'q', purpose: 'places on Google Maps', fields: 'll, type, hl, start' },
  { name: 'google_scholar', queryKey: 'q', purpose: 'papers', fields: 'as_ylo, as_yhi, cites, num, start' },
  { name: 'google_shopping', queryKey: 'q', purpose: 'products on Google', fields: 'gl, hl, location' },
  {
    name: 'google_ai_overview',
    queryKey: 'page_token',
    purpose: "Google's generated overview of an earlier search",
    fields: '',
  },
  { name: 'bing', queryKey: 'q', purpose: 'Bing pages', fields: 'cc, mkt, first, safeSearch' },
  { name: 'duckduckgo', queryKey: 'q', purpose: 'DuckDuckGo pages', fields: 'kl, df, start' },
  { name: 'yandex', queryKey: 'text', purpose: 'Yandex pages', fields: 'lang, lr, p' },
  { name: 'baidu', queryKey: 'q', purpose: 'Baidu pages', fields: 'ct, pn' },
  { name: 'youtube', queryKey: 'search_query', purpose: 'videos on YouTube', fields: 'gl, hl, sp' },
  { name: 'amazon', queryKey: 'k', purpose: 'products on Amazon', fields: 'amazon_domain, page' },
  { name: 'ebay', queryKey: '_nkw', purpose: 'offers on eBay', fields: 'ebay_domain, _pgn' },
  { name: 'walmart', queryKey: 'query', purpose: 'products at Walmart', fields: 'page, sort' },
]

export const queryKeyOf = (engine: string): string =>
  ENGINES.find(({ name }) => name === engine)?.queryKey ?? 'q'
