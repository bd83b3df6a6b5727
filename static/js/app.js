// Polish that every page works without: times in the reader's own zone, and buttons that copy.

// After sign-out, Back would show a private page from the browser's memory.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

const page = document.documentElement;
const words = new Intl.RelativeTimeFormat(page.lang);
const units = [["year", 31536000], ["day", 86400], ["hour", 3600], ["minute", 60]];

function tell() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = moment.toLocaleString(page.lang, { dateStyle: "long", timeStyle: "long" });
    if (!("relative" in time.dataset)) continue;
    const seconds = (moment - Date.now()) / 1000;
    const unit = units.find(([, size]) => Math.abs(seconds) >= size);
    if (unit) time.textContent = words.format(Math.trunc(seconds / unit[1]), unit[0]);
  }
}

tell();
setInterval(tell, 60000);

// Shows what only works with a script.
page.classList.add("js");

const said = Object.assign(document.createElement("p"), { className: "unseen", role: "status" });
const copies = document.querySelectorAll("[data-copy]");
if (copies.length) document.querySelector("main").append(said);
for (const button of copies) {
  // The clipboard is there under https and on this machine alone.
  if (!navigator.clipboard) button.remove();
  const { firstChild: label, dataset: { copy, copied } } = button, word = label.data;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(copy);
    [said.textContent, label.data] = ["", copied];
    setTimeout(() => { said.textContent = copied; }, 50);
    setTimeout(() => { label.data = word; }, 2000);
  });
}
