"""webapp.http_client"""
