// Progressive enhancement: instant search, favourites and recent roles, countdowns, copy buttons, local times.
// Every page works without it. It sends no requests and stores only role names, in this browser.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const plural = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;

// Storage may be unavailable (private windows, policies); then nothing is stored.
const load = (key) => { try { return [JSON.parse(localStorage.getItem(key)) ?? []].flat(); } catch { return []; } };
const save = (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* not stored */ } };

function portal(list) {
  const search = $('#q'), count = $('#count'), nothing = $('#nothing');
  // The page of `aws login` has no favourites.
  const quick = $('#quick') ?? document.createElement('div'), star = $('#star')?.content.firstChild;
  const unfiltered = count.textContent;
  const text = (element) => element.textContent.toLowerCase();
  const accounts = $$('.account', list).map((element) => {
    const name = $('h2', element).textContent;
    const roles = $$('li', element).map((item) => {
      const form = $('form', item), set = $('h3', item).firstChild.data, variant = $('h3 i', item)?.textContent ?? '';
      const id = $('code', element).textContent, title = variant ? `${set} ${variant}` : set;
      return { item, form, name, title, text: `${set}@${variant}`.toLowerCase(), key: `${id}/${set}${variant && '@' + variant}` };
    });
    return { element, roles, text: [...$('header', element).querySelectorAll('h2, code, span')].map(text).join(' ') };
  });
  const known = new Map(accounts.flatMap((account) => account.roles).filter((role) => role.form).map((role) => [role.key, role]));
  const pick = (key) => load(key).filter((role) => known.has(role));

  // The accessible name of each button contains the role.
  const name = (form, role) => {
    for (const action of $$('button:not(.star), a', form)) action.setAttribute('aria-label', `${action.textContent}: ${role.title} in ${role.name}`);
  };
  for (const role of known.values()) {
    const button = star.cloneNode(true);
    button.setAttribute('aria-label', `Favourite: ${role.title} in ${role.name}`);
    role.form.prepend(button);
    name(role.form, role);
  }

  function showQuickList() {
    const favourites = pick('favourites');
    const recents = pick('recents').filter((key) => !favourites.includes(key)).slice(0, 3);
    const section = (title, keys) => {
      if (!keys.length) return [];
      const element = document.createElement('section'), heading = document.createElement('h2'), items = document.createElement('ul');
      heading.textContent = title;
      items.append(...keys.map((key) => {
        const role = known.get(key), item = role.item.cloneNode(true), account = document.createElement('p');
        item.hidden = false;
        account.className = 'where';
        account.textContent = role.name;
        $('.role', item).prepend(account);
        return item;
      }));
      element.append(heading, items);
      return [element];
    };
    quick.replaceChildren(...section('Favourites', favourites), ...section('Recent', recents));
    for (const button of $$('.star')) button.setAttribute('aria-pressed', favourites.includes(keyOf(button.form)));
    quick.hidden = !quick.firstChild || search.value.trim() !== '';
  }

  function keyOf(form) {
    const { account, permission_set: set, variant } = form.elements;
    return `${account.value}/${set.value}${variant.value && '@' + variant.value}`;
  }

  document.addEventListener('click', (event) => {
    const button = event.target.closest('.star');
    if (!button) return;
    const key = keyOf(button.form), favourites = pick('favourites'), had = favourites.includes(key), inQuickList = quick.contains(button);
    save('favourites', had ? favourites.filter((other) => other !== key) : [...favourites, key]);
    showQuickList();
    // A star in the quick list is removed with its card, so the star in the main list gets the focus.
    if (inQuickList) $('.star', known.get(key).form).focus({ preventScroll: true });
  });

  document.addEventListener('submit', (event) => {
    if (event.target === search.form) {
      if ('narrowed' in count.dataset) return;
      event.preventDefault();
      walk(null, 1, 0, '#accounts');
    } else if (event.target.elements.permission_set) {
      const key = keyOf(event.target);
      save('recents', [key, ...load('recents').filter((other) => other !== key)].slice(0, 12));
    }
  });

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean).map((word) => /^[\d-]{5,}$/.test(word) ? word.replaceAll('-', '') : word);
    let roles = 0, places = 0;
    for (const account of accounts) {
      const missing = words.filter((word) => !account.text.includes(word));
      let shown = 0;
      for (const role of account.roles) {
        const hit = missing.every((word) => role.text.includes(word));
        if (role.item.hidden === hit) role.item.hidden = !hit;
        shown += hit;
      }
      if (account.element.hidden === shown > 0) account.element.hidden = !shown;
      roles += shown;
      places += shown > 0;
    }
    count.textContent = words.length ? `${plural(roles, 'role')} in ${plural(places, 'account')}` : unfiltered;
    nothing.hidden = roles > 0;
    quick.hidden = words.length > 0 || !quick.firstChild;
  }

  // Up and down move between roles, left and right between the buttons of a role. Tab and Enter are unchanged.
  const actions = (item) => $$('button:not(.star), a', item);
  function walk(from, step, column, list = ':is(#quick:not([hidden]), #accounts)') {
    const items = $$(`${list} li:not([hidden])`);
    for (let at = items.indexOf(from) + step; items[at]; at += step) {
      const row = actions(items[at]);
      if (row.length) {
        (row[column] ?? row[0]).focus();
        return;
      }
    }
    if (step < 0) search.focus();
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest('input, select, textarea');
    if (event.key === '/' && !typing) {
      event.preventDefault();
      search.select();
      search.focus();
    } else if (event.key === 'Escape' && event.target === search && search.value) {
      event.preventDefault();
      search.value = '';
      filter();
    } else if (event.key === 'ArrowDown' && event.target === search) {
      event.preventDefault();
      walk(null, 1, 0);
    } else if (event.key.startsWith('Arrow') && !typing) {
      const item = event.target.closest('li');
      const row = item ? actions(item) : [], column = row.indexOf(event.target);
      if (column < 0) return;
      event.preventDefault();
      const step = event.key === 'ArrowLeft' || event.key === 'ArrowUp' ? -1 : 1;
      if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') row[column + step]?.focus();
      else walk(item, step, column);
    }
  });

  if (!('narrowed' in count.dataset)) {
    search.form.classList.add('instant');
    $('kbd', search.form).hidden = false;
    search.addEventListener('input', filter);
    filter();
  }
  showQuickList();
  // Updates after the Back button and after changes in another tab.
  addEventListener('pageshow', (event) => event.persisted && showQuickList());
  addEventListener('storage', showQuickList);
}

function countdowns(times) {
  const format = (seconds) => {
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    if (hours) return `${hours} h ${minutes} min`;
    return minutes >= 10 ? `${minutes} min` : `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  };
  const tick = () => {
    for (const time of times) {
      const seconds = Math.max(0, Math.floor((Date.parse(time.dateTime) - Date.now()) / 1000));
      if (Number.isNaN(seconds)) continue;
      time.textContent = format(seconds);
      const over = time.dataset.countdown === 'valid' && $('#expiry');
      if (over) {
        over.classList.toggle('soon', seconds < 300 && seconds > 0);
        over.classList.toggle('over', seconds === 0);
      }
    }
  };
  tick();
  setInterval(tick, 1000);
}

function copyButtons(buttons) {
  if (!navigator.clipboard) return;
  for (const button of buttons) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const done = await navigator.clipboard.writeText($(`#${button.dataset.copy}`).textContent).then(() => true, () => false);
      $('#copy-status').textContent = button.textContent = done ? 'Copied' : 'Copy failed';
      button.classList.toggle('done', done);
      setTimeout(() => { button.textContent = label; button.classList.remove('done'); $('#copy-status').textContent = ''; }, 2000);
    });
  }
}

function localTimes(times) {
  const format = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  for (const time of times) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title = time.textContent;
    time.textContent = format.format(date);
  }
}

function rememberFormat(radios) {
  const [last] = load('format');
  for (const radio of radios) {
    if (radio.value === last) radio.checked = true;
    radio.addEventListener('change', () => save('format', [radio.value]));
  }
}

// A page that only redirects with a form submits it immediately.
$('form[data-send]')?.submit();

// One decision may apply to the requests of other tabs. They reload when the decision was sent, which redirects them.
function reloadAfterDecision(form) {
  const tabs = new BroadcastChannel('decisions');
  tabs.addEventListener('message', () => location.reload());
  form.addEventListener('submit', () => addEventListener('pagehide', () => tabs.postMessage('')));
}

const list = $('#accounts');
if (list) portal(list);
countdowns($$('time[data-countdown]'));
copyButtons($$('button[data-copy]'));
localTimes($$('time[data-local]'));
rememberFormat($$('input[name=format]'));
const consent = $('form[data-consent]');
if (consent) reloadAfterDecision(consent);
