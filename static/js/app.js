// Extras; every page works without them: times in the reader's own time zone, and copy buttons.

// Without this, Back after signing out would show a private page from the browser's cache.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
// Without this, Enter in a tick box would press the first button of its form.
addEventListener("keydown", (e) => { if (e.key === "Enter" && e.target.type === "checkbox") e.preventDefault(); });

const page = document.documentElement;
const words = new Intl.RelativeTimeFormat(page.lang);
const units = [["year", 31536000], ["day", 86400], ["hour", 3600], ["minute", 60]];
function showTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = moment.toLocaleString(page.lang, { dateStyle: "long", timeStyle: "long" });
    if (!("relative" in time.dataset)) continue;
    const seconds = (moment - Date.now()) / 1000;
    const unit = units.find(([, size]) => Math.abs(seconds) >= size);
    if (unit) time.textContent = words.format(Math.trunc(seconds / unit[1]), unit[0]);
  }
}

showTimes();
setInterval(showTimes, 60000);
// Shows the elements that only work with JavaScript.
page.classList.add("js");

const status = Object.assign(document.createElement("p"), { className: "unseen", role: "status" });
const copies = document.querySelectorAll("[data-copy]");
if (copies.length) document.querySelector("main").append(status);
for (const button of copies) {
  // Browsers only offer the clipboard over https and on localhost.
  if (!navigator.clipboard) button.remove();
  const { firstChild: label, dataset: { copy, copied } } = button, word = label.data;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(copy);
    [status.textContent, label.data] = ["", copied];
    setTimeout(() => { status.textContent = copied; }, 50);
    setTimeout(() => { label.data = word; }, 2000);
  });
}
