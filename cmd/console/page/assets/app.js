const system = document.getElementById("system");
new EventSource("/api/events").addEventListener("system", (event) => {
  system.textContent = JSON.stringify(JSON.parse(event.data), null, 2);
});
