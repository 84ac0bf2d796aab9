"""The script that Streamlit reads from the disk for every page view: all of it is in a module, which stays as it was loaded."""

from monitoring_app.pages import main

main()
